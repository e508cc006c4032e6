import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { MAY_BE_DONE, dataOf, saidBy } from './answer.ts';
import type { Answer } from './answer.ts';
import type { Credentials, TicketStore } from './credentials.ts';
import type { Reader } from './shape.ts';
import { TicketAuthentication } from './ticket.ts';
import { untilAborted } from '../../process/until-aborted.ts';
import { connectTrusted, shownAddress, unreachable, whyOf } from './trust.ts';
import type { Endpoint } from './trust.ts';

/** How to reach a cluster. */
export interface ApiOptions {
  /** Any nodes of the cluster; a read goes to the next one when one cannot be reached. */
  readonly hosts: readonly [Endpoint, ...Endpoint[]];
  readonly credentials: Credentials;
  readonly tickets?: TicketStore;
  /** The call that logs in again, for hints. Default: `proxmox-lxcri login`. */
  readonly loginCall?: string | undefined;
  /** For a connection. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** From a request to the end of its answer. Default 40 s: the server gives up on another node after 30 s. */
  readonly answerTimeoutMs?: number;
}

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Parameters of a call; what is undefined is left out, and a list is sent as the same name again and again. */
export type Parameters = Record<string, string | number | boolean | readonly string[] | undefined>;

/** What is sent, to whichever host. */
interface Sendable {
  readonly method: HttpMethod;
  readonly path: string;
  readonly parameters: Parameters;
  readonly headers: Record<string, string>;
  /** Whether it may be sent again when it is not known what became of it: reads, and logins, which change nothing. */
  readonly isRepeatable: boolean;
  readonly abort?: AbortSignal | undefined;
}

/** What came back, and from whom. */
interface Sent {
  readonly answer: Answer;
  readonly host: Endpoint;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_ANSWER_TIMEOUT_MS = 40_000;

/**
 * More than any answer of a cluster. The largest is the output of a command in a virtual machine: 16 MiB for each stream,
 * of which one byte can take six.
 */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

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
      this.#tickets = new TicketAuthentication(
        credentials,
        tickets,
        this.#loginCall,
        (read, parameters, isRepeatable) => this.#postTicket(read, parameters, isRepeatable),
      );
  }

  /**
   * One call whose answer is understood by who asks, and by nobody else; `ask` is for all others.
   *
   * @param path below `/api2/json`, its segments already encoded.
   * @returns the answer's `data`, whatever it is; its type is the caller's claim.
   * @throws LxcriError; the reason of `abort`, after which the request may be done nevertheless.
   */
  call<Data = unknown>(
    method: HttpMethod,
    path: string,
    parameters: Parameters = {},
    abort?: AbortSignal,
  ): Promise<Data> {
    return this.ask((data) => data as Data, method, path, parameters, abort);
  }

  /**
   * One call.
   *
   * @param read understands the answer's `data`.
   * @param path below `/api2/json`, its segments already encoded.
   * @throws LxcriError `PlatformUnreachable` for an answer that is not understood, or `ConnectionLost` where what was asked
   *   for may have been done; the reason of `abort`, after which it may be done nevertheless.
   */
  async ask<Data>(
    read: Reader<Data>,
    method: HttpMethod,
    path: string,
    parameters: Parameters = {},
    abort?: AbortSignal,
  ): Promise<Data> {
    return (await this.askSomeHost(read, method, path, parameters, abort)).data;
  }

  /** As {@link ask}; also tells which host answered, for what only that one can go on with. */
  async askSomeHost<Data>(
    read: Reader<Data>,
    method: HttpMethod,
    path: string,
    parameters: Parameters = {},
    abort?: AbortSignal,
  ): Promise<{ data: Data; host: Endpoint }> {
    const request = { method, path, parameters, isRepeatable: method === 'GET', abort };
    const { headers, ticket } = await this.#authorization(method, abort);
    let sent = await this.#send({ ...request, headers });
    // A refusal to authenticate comes before anything is done, so the call may be made again.
    if (sent.answer.status === 401 && ticket !== undefined && this.#tickets?.mayRenew(ticket) === true)
      sent = await this.#send({ ...request, headers: (await this.#authorization(method, abort)).headers });
    if (sent.answer.status === 401) throw this.#refused(sent.answer);
    return { data: understood(sent, read, request), host: sent.host };
  }

  /**
   * A connection of its own to one host, and the headers that say there who we are: for what is no call.
   *
   * @throws LxcriError as a call that was not sent; the reason of `abort`.
   */
  async dial(host: Endpoint, abort?: AbortSignal): Promise<{ socket: TLSSocket; headers: Record<string, string> }> {
    const { headers } = await this.#authorization('GET', abort);
    const connecting = connectTrusted(host, this.#connectTimeoutMs);
    try {
      return { socket: await untilAborted(connecting, abort), headers };
    } catch (error) {
      // It may still be made, for nobody.
      void connecting.then((socket) => socket.destroy()).catch(() => {});
      throw error;
    }
  }

  /**
   * Gets a new ticket with the password, whatever is kept.
   *
   * @throws LxcriError AuthenticationFailed, and those of a call; the reason of `abort`.
   */
  async logIn(abort?: AbortSignal): Promise<void> {
    if (this.#tickets !== undefined) await untilAborted(this.#tickets.logIn(), abort);
  }

  /** Closes idle connections; a call after this opens a new one. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #postTicket<Data>(
    read: Reader<Data>,
    parameters: Record<string, string>,
    isRepeatable: boolean,
  ): Promise<Data> {
    const request = { method: 'POST', path: '/access/ticket', parameters, headers: {}, isRepeatable } as const;
    return understood(await this.#send(request), read, request);
  }

  async #authorization(
    method: HttpMethod,
    abort: AbortSignal | undefined,
  ): Promise<{ headers: Record<string, string>; ticket?: string }> {
    const { credentials } = this.#options;
    // One login serves all calls that wait for it: who does not wait any more does not end it.
    if (this.#tickets !== undefined) return untilAborted(this.#tickets.authorization(method), abort);
    if (credentials.kind !== 'token') return { headers: {} };
    const secret = await untilAborted(credentials.secret(), abort);
    if (!/^[\w-]+$/.test(secret)) {
      throw new LxcriError(
        'AuthenticationFailed',
        `what is given as the secret of the token ${credentials.id} is none: it has characters that no secret has`,
        'a secret looks like 12345678-9abc-def0-1234-56789abcdef0, and is shown once, when the token is made',
      );
    }
    return { headers: { authorization: `PVEAPIToken=${credentials.id}=${secret}` } };
  }

  #refused(answer: Answer): LxcriError {
    const { credentials } = this.#options;
    const said = saidBy(answer);
    if (credentials.kind === 'password') {
      const message = `the server does not accept the ticket of ${credentials.user} (any more): ${said}`;
      return new LxcriError('AuthenticationFailed', message, `log in again: ${this.#loginCall}`);
    }
    return new LxcriError(
      'AuthenticationFailed',
      `the server does not accept the token ${credentials.id}: ${said}`,
      `it may be removed, expired, or its secret wrong: look with pveum user token list; then ${this.#loginCall}`,
    );
  }

  /** Sends to the first host that can be reached. */
  async #send(request: Sendable): Promise<Sent> {
    const { hosts } = this.#options;
    const order =
      this.#current === undefined ? hosts : [this.#current, ...hosts.filter((host) => host !== this.#current)];
    const failures: LxcriError[] = [];
    for (const host of order) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one host after the other
        const answer = await this.#sendTo(host, request);
        this.#current = host;
        return { answer, host };
      } catch (error) {
        // What may have been acted on is not sent again: that is another code.
        if (!isLxcriError(error) || error.code !== 'PlatformUnreachable') throw error;
        failures.push(error);
      }
    }
    throw noneReached(failures);
  }

  async #sendTo(host: Endpoint, request: Sendable): Promise<Answer> {
    // The server closes idle connections after 5 s; what is sent on one that it is closing may or may not be done.
    if (!request.isRepeatable) return this.#exchange(host, request, newAgent(host, this.#connectTimeoutMs, false));
    try {
      return await this.#exchange(host, request, this.#agentFor(host));
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return this.#exchange(host, request, newAgent(host, this.#connectTimeoutMs, false));
    }
  }

  #exchange(host: Endpoint, { method, path, parameters, headers, isRepeatable, abort }: Sendable, agent: Agent) {
    abort?.throwIfAborted();
    const encoded = encode(parameters);
    // Proxmox VE takes parameters of GET and DELETE in the query only, and refuses chunked bodies.
    const inQuery = method === 'GET' || method === 'DELETE';
    const body = inQuery ? undefined : encoded;
    return new Promise<Answer>((resolve, reject) => {
      let isSent = false;
      let timer: NodeJS.Timeout | undefined;
      let given: string | undefined;
      const settled = (): void => {
        clearTimeout(timer);
        abort?.removeEventListener('abort', stop);
      };
      const fail = (error: Error): void => {
        settled();
        const why = given ?? whyOf(error);
        if (isLxcriError(error)) reject(error);
        else if (!isSent) reject(unreachable(host, why));
        else if (!isRepeatable) reject(lost(host, `${method} ${path}`, why));
        else if (given === undefined && request.reusedSocket) reject(new StaleConnection(why));
        else reject(unreachable(host, why));
      };
      const giveUp = (why: string): void => {
        given ??= why;
        request.destroy(new Error(why));
      };
      // At once: a connection that is still being made ends by itself.
      const stop = (): void => {
        settled();
        reject(abort?.reason as Error);
        request.destroy();
      };
      abort?.addEventListener('abort', stop);
      const request = httpsRequest(
        {
          host: host.host,
          port: host.port,
          method,
          path: `/api2/json${path}${inQuery && encoded !== '' ? `?${encoded}` : ''}`,
          agent,
          headers: {
            accept: 'application/json',
            ...headers,
            ...(body === undefined
              ? {}
              : {
                  'content-type': 'application/x-www-form-urlencoded',
                  'content-length': String(Buffer.byteLength(body)),
                }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_BODY_BYTES) giveUp('the answer is too large');
            else chunks.push(chunk);
          });
          response.on('end', () => {
            settled();
            resolve({
              status: response.statusCode ?? 0,
              // Node decodes headers as latin1; the server sends UTF-8.
              reason: Buffer.from(response.statusMessage ?? '', 'latin1').toString(),
              body: Buffer.concat(chunks).toString(),
            });
          });
          response.on('error', fail);
        },
      );
      request.on('socket', () => {
        if (abort?.aborted === true) return;
        isSent = true;
        const timeoutMs = this.#options.answerTimeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS;
        timer = setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), timeoutMs);
      });
      request.on('error', fail);
      request.end(body);
    });
  }

  get #loginCall(): string {
    return this.#options.loginCall ?? 'proxmox-lxcri login';
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

function understood<Data>(
  { answer, host }: Sent,
  read: Reader<Data>,
  { method, path, isRepeatable }: Omit<Sendable, 'headers'>,
): Data {
  return dataOf(answer, read, { what: `${method} ${path}`, server: shownAddress(host), isRepeatable });
}

/** A kept connection that turned out to be closed by the other side. */
class StaleConnection extends Error {}

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
    .flatMap(([key, value]) =>
      typeof value === 'object' ? value.map((each) => [key, each] as const) : [[key, value] as const],
    )
    .filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined)
    .map(([key, value]) => [key, typeof value === 'boolean' ? String(Number(value)) : String(value)] as const)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join('&');
}

/** What was sent may have been acted on. */
function lost(host: Endpoint, what: string, why: string): LxcriError {
  return new LxcriError(
    'ConnectionLost',
    `${what}: the connection to ${shownAddress(host)} was lost before the answer (${why})`,
    MAY_BE_DONE,
  );
}

function noneReached(failures: readonly LxcriError[]): LxcriError {
  const [first] = failures as [LxcriError];
  if (failures.length === 1) return first;
  const all = failures.map(({ message }) => message).join('; ');
  return new LxcriError('PlatformUnreachable', `no host of the cluster can be used: ${all}`, first.hint);
}
