import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';

import { WebSocket } from 'ws';

import { LxcriError } from '../model/errors.ts';
import type { ClusterAnswer, ClusterClient, PodChannel } from '../model/pod.ts';
import { MAX_FRAME_BYTES, PROTOCOLS, WebSocketChannel } from './channel.ts';
import { unreachable } from './failures.ts';
import type { ClusterConfig } from './kubeconfig.ts';
import { tokenIn } from './token-file.ts';

/** How long a server may take for a connection and an answer. */
const TIMEOUT_MS = 30_000;

/** The most that an answer may hold: a list of some ten thousand pods. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** A client of the Kubernetes API that keeps its connections for the next request. */
export class KubernetesClient implements ClusterClient {
  readonly name: string;
  readonly namespace: string;
  readonly #config: ClusterConfig;
  readonly #agent: PlainAgent;
  readonly #isSecure: boolean;
  #headers: Readonly<Record<string, string>>;

  constructor(config: ClusterConfig) {
    const { server, namespace, serverName, identity } = config;
    this.name = server.host;
    this.namespace = namespace;
    this.#config = config;
    const { token, basic, headers } = identity;
    const bearer = token === undefined ? undefined : `Bearer ${token}`;
    const authorization =
      basic === undefined ? bearer : `Basic ${Buffer.from(`${basic.user}:${basic.password}`).toString('base64')}`;
    // Nothing of a secret goes to who has not proved to be the server; nor over a line that everybody can read.
    this.#isSecure = server.protocol === 'https:';
    this.#headers = { ...(authorization === undefined || !this.#isSecure ? {} : { authorization }), ...headers };
    this.#agent = this.#isSecure
      ? new Agent({
          keepAlive: true,
          secureContext: secureContextOf(config),
          ...(serverName === undefined ? {} : { servername: serverName }),
        })
      : new PlainAgent({ keepAlive: true });
  }

  request(method: 'GET' | 'POST', path: string, body?: unknown, abort?: AbortSignal): Promise<ClusterAnswer> {
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void =>
        reject(abort?.aborted === true ? (abort.reason as Error) : unreachable(this.name, error));
      const text = body === undefined ? undefined : JSON.stringify(body);
      const options: RequestOptions = {
        ...this.#address(path),
        method,
        agent: this.#agent,
        headers: {
          ...this.#headersNow(),
          accept: 'application/json',
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
        ...(abort === undefined ? {} : { signal: abort }),
      };
      const request = this.#send(options);
      request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      request.on('error', fail);
      request.on('response', (response) => {
        answerOf(response).then(resolve, fail);
      });
      request.end(text);
    });
  }

  open(path: string, halfClose: boolean, abort?: AbortSignal): Promise<PodChannel | ClusterAnswer> {
    abort?.throwIfAborted();
    const { protocol, host } = this.#config.server;
    const webSocket = new WebSocket(
      `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${this.#address(path).path ?? ''}`,
      halfClose ? PROTOCOLS.slice(0, 1) : [...PROTOCOLS],
      {
        agent: this.#agent,
        headers: this.#headersNow(),
        handshakeTimeout: TIMEOUT_MS,
        maxPayload: MAX_FRAME_BYTES,
        perMessageDeflate: false,
        skipUTF8Validation: true,
        // A key of zeros. It is there for what strangers make a browser send, against proxies that read along (RFC 6455,
        // 10.3); here nobody can, and to apply another key takes more time than all else that is done with input.
        generateMask: (key) => void key.fill(0),
      },
    );
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        abort?.removeEventListener('abort', aborted);
        webSocket.removeAllListeners();
        webSocket.on('error', () => {});
        finish();
      };
      const aborted = (): void =>
        settle(() => {
          webSocket.terminate();
          reject(abort?.reason as Error);
        });
      abort?.addEventListener('abort', aborted);
      webSocket.on('open', () => settle(() => resolve(new WebSocketChannel(webSocket))));
      webSocket.on('unexpected-response', (_request, response: IncomingMessage) => {
        answerOf(response).then(
          (answer) => settle(() => resolve(answer)),
          (error: Error) => settle(() => reject(unreachable(this.name, error))),
        );
      });
      webSocket.on('error', (error: NodeJS.ErrnoException) => {
        const failure = unreachable(this.name, error);
        settle(() => reject(wasNotAsked(error) ? failure : mayHaveStarted(failure)));
      });
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** A command may run for longer than the token is good that it was started with. */
  #headersNow(): Readonly<Record<string, string>> {
    const { tokenFile } = this.#config.identity;
    if (tokenFile === undefined || !this.#isSecure) return this.#headers;
    try {
      const token = tokenIn(tokenFile);
      if (token !== undefined) this.#headers = { ...this.#headers, authorization: `Bearer ${token}` };
    } catch {
      // The last one may still be good.
    }
    return this.#headers;
  }

  #address(path: string): Pick<RequestOptions, 'host' | 'port' | 'path'> {
    const { hostname, port, protocol, pathname } = this.#config.server;
    return {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : port,
      path: `${pathname.replace(/\/$/, '')}${path}`,
    };
  }

  #send(options: RequestOptions) {
    return this.#config.server.protocol === 'https:' ? tlsRequest(options) : plainRequest(options);
  }
}

/** @throws LxcriError ConfigError where the certificates, or the key, are none. */
function secureContextOf({ server, ca, identity: { cert, key } }: ClusterConfig): SecureContext {
  // What is no authority is passed over in silence otherwise.
  if (ca !== undefined && !isCertificate(ca))
    throw new LxcriError(
      'ConfigError',
      `the certificate-authority-data (or certificate-authority) of the cluster at ${server.host} is no certificate`,
      'see: kubectl config view --raw',
    );
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ca: ca ?? [...getCACertificates('default'), ...getCACertificates('system')],
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (error) {
    throw new LxcriError(
      'ConfigError',
      `the client certificate or key for the cluster at ${server.host} cannot be used (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      'see the user in: kubectl config view --raw',
    );
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

/** Whether there was no connection yet. Who was asked may have started what was asked for. */
function wasNotAsked({ code = '' }: NodeJS.ErrnoException): boolean {
  return /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EACCES|ENOENT)$|CERT|SIGNATURE|SELF_SIGNED/.test(
    code,
  );
}

function mayHaveStarted({ message, hint }: LxcriError): LxcriError {
  return new LxcriError('ConnectionLost', message, hint);
}

async function answerOf(response: IncomingMessage): Promise<ClusterAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('its answer is too long');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies answer in HTML.
  }
  return { status: response.statusCode ?? 0, body };
}
