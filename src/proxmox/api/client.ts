import { Agent, request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { dataOf } from './answer.ts';
import type { Answer } from './answer.ts';
import type { Credentials, TicketStore } from './credentials.ts';
import { TicketAuthentication } from './ticket.ts';
import { connectTrusted, unreachable } from './trust.ts';
import type { Address, Endpoint } from './trust.ts';

/** How to reach a cluster. */
export interface ApiOptions {
  /** Any nodes of the cluster; a read goes to the next one when one cannot be reached. */
  readonly hosts: readonly Endpoint[];
  readonly credentials: Credentials;
  readonly tickets?: TicketStore;
  /** For a connection. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** For an answer. Default 40 s: the server gives up on another node after 30 s. */
  readonly answerTimeoutMs?: number;
}

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Parameters of a call; what is undefined is left out. */
export type Parameters = Record<string, string | number | boolean | undefined>;

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_ANSWER_TIMEOUT_MS = 40_000;

/** More than any list of a cluster; what is larger is not from a Proxmox VE server. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Calls the API of one Proxmox VE cluster. On node:https, which costs least for the few calls of one run.
 * What a call sends is sent at most once, unless the server has certainly not acted on it.
 */
export class ApiClient {
  readonly #options: ApiOptions;
  readonly #agents = new Map<Endpoint, Agent>();
  readonly #tickets: TicketAuthentication | undefined;
  /** The host that answered last. */
  #current: Endpoint | undefined;

  constructor(options: ApiOptions) {
    this.#options = options;
    const { credentials, tickets } = options;
    if (credentials.kind === 'password')
      this.#tickets = new TicketAuthentication(credentials, tickets, (path, parameters) =>
        this.#anonymous(path, parameters),
      );
  }

  /**
   * One call.
   *
   * @param path below `/api2/json`, its segments already encoded.
   * @returns the answer's `data`; its type is the caller's claim, taken from the API's documentation.
   * @throws LxcriError
   */
  async call<Data>(method: HttpMethod, path: string, parameters: Parameters = {}): Promise<Data> {
    const what = `${method} ${path}`;
    let answer = await this.#send(method, path, parameters, await this.#authorization(method));
    // A refusal to authenticate comes before anything is done, so the call may be made again.
    if (answer.status === 401 && (await this.#tickets?.renewAfterRefusal()) === true)
      answer = await this.#send(method, path, parameters, await this.#authorization(method));
    return dataOf(answer, what) as Data;
  }

  /** Closes idle connections; a call after this opens a new one. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #anonymous(path: string, parameters: Parameters): Promise<unknown> {
    return dataOf(await this.#send('POST', path, parameters, {}), `POST ${path}`);
  }

  async #authorization(method: HttpMethod): Promise<Record<string, string>> {
    const { credentials } = this.#options;
    if (credentials.kind === 'token')
      return { authorization: `PVEAPIToken=${credentials.id}=${await credentials.secret()}` };
    return (await this.#tickets?.headers(method)) ?? {};
  }

  /** Sends to the first host that can be reached. */
  async #send(
    method: HttpMethod,
    path: string,
    parameters: Parameters,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const { hosts } = this.#options;
    const order =
      this.#current === undefined ? hosts : [this.#current, ...hosts.filter((host) => host !== this.#current)];
    let failure: unknown;
    for (const host of order) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one host after the other
        const answer = await this.#exchange(host, method, path, parameters, headers);
        this.#current = host;
        return answer;
      } catch (error) {
        failure ??= error;
        // Once it was sent, only a read may be sent again.
        if (!isLxcriError(error) || error.code !== 'PlatformUnreachable') throw error;
      }
    }
    throw failure;
  }

  #exchange(
    host: Endpoint,
    method: HttpMethod,
    path: string,
    parameters: Parameters,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const encoded = encode(parameters);
    // Proxmox VE takes parameters of GET and DELETE in the query only, and refuses chunked bodies.
    const inQuery = method === 'GET' || method === 'DELETE';
    const body = inQuery ? undefined : encoded;
    const options: RequestOptions = {
      host: host.host,
      port: host.port,
      method,
      path: `/api2/json${path}${inQuery && encoded !== '' ? `?${encoded}` : ''}`,
      // The server closes idle connections after 5 s; what is sent on one that it is closing may or may not be done.
      agent: method === 'GET' ? this.#agentFor(host) : newAgent(host, this.#connectTimeoutMs, false),
      timeout: this.#options.answerTimeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(body)) }),
      },
    };
    return new Promise((resolve, reject) => {
      let isSent = false;
      const request = httpsRequest(options, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_BODY_BYTES) request.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            // Node decodes headers as latin1; the server sends UTF-8.
            reason: Buffer.from(response.statusMessage ?? '', 'latin1').toString(),
            body: Buffer.concat(chunks).toString(),
          }),
        );
        response.on('error', (error) => reject(lost(host, method, path, error.message)));
      });
      request.on('socket', () => (isSent = true));
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', (error) => {
        if (isLxcriError(error)) reject(error);
        else if (isSent) reject(lost(host, method, path, error.message));
        else reject(unreachable(host, error.message));
      });
      request.end(body);
    });
  }

  get #connectTimeoutMs(): number {
    return this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  }

  #agentFor(host: Endpoint): Agent {
    const agent = this.#agents.get(host) ?? newAgent(host, this.#connectTimeoutMs, true);
    this.#agents.set(host, agent);
    return agent;
  }
}

/** Makes connections to one host; they are handed over only when the server has proved who it is. */
function newAgent(host: Endpoint, connectTimeoutMs: number, keepAlive: boolean): Agent {
  const agent = new Agent({ keepAlive, maxSockets: 8 });
  agent.createConnection = (_options, callback): undefined => {
    const done = callback as (error: Error | null, socket?: Duplex) => void;
    void connectTrusted(host, connectTimeoutMs)
      .catch((error: unknown) => error as Error)
      // oxlint-disable-next-line promise/no-callback-in-promise -- that is how an agent is told
      .then((made) => (made instanceof Error ? done(made) : done(null, made)));
  };
  return agent;
}

/** Booleans are 0 and 1 there; the server splits pairs at ";" too, so that is encoded as well. */
function encode(parameters: Parameters): string {
  return Object.entries(parameters)
    .filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined)
    .map(([key, value]) => [key, typeof value === 'boolean' ? String(Number(value)) : String(value)] as const)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join('&');
}

/** What was sent may have been acted on, unless it was a read. */
function lost(host: Address, method: HttpMethod, path: string, why: string): LxcriError {
  if (method === 'GET') return unreachable(host, why);
  return new LxcriError(
    'ConnectionLost',
    `${method} ${path}: the connection to ${host.host}:${host.port} was lost before the answer (${why})`,
    'it may have been done: look before doing it again',
  );
}
