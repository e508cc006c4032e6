import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';

import { GrpcCall } from './call.ts';
import type { CallEnd } from './call.ts';
import { wholeOf } from './frames.ts';
import { STATUS } from './status.ts';
import type { GrpcStatus } from './status.ts';

/** What the other side may send of one stream before we have taken it; what nobody reads stays there, and not here. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;

/** The same for all streams together: a stream that nobody reads must not hold the others (RFC 9113, 6.9.1: 2^31-1). */
const CONNECTION_WINDOW_BYTES = 2_147_483_647;

/** In one frame of ours; a server need not take more than 16384 (RFC 9113, 4.2), and says so if it does. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** Megabytes; Node.js refuses streams above it, and windows bound it already. */
const SESSION_MEMORY_MB = 4096;

/** What is said of a connection that ended without a reason of its own: who has ended it does not show from here. */
const CLOSED = 'the connection to the guest was closed';

/** How the kernel and Node.js say the same. */
const CLOSED_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ERR_SOCKET_CLOSED', 'ERR_STREAM_DESTROYED']);

/** What carries a connection: a socket, or what is like one. */
export type Wire = Duplex & {
  /** Whether it keeps this process alive. */
  ref(): unknown;
  unref(): unknown;
};

/** The answer to one question. */
export type Answer =
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'status'; readonly status: GrpcStatus }
  | Exclude<CallEnd, { kind: 'status' }>;

/** A connection that carries calls of gRPC: HTTP/2 with prior knowledge, on a socket that is connected already. */
export class GrpcConnection {
  /** Resolves when nothing goes over it any more; never rejects. */
  readonly closed: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #wire: Wire;
  #holders = 0;
  #isOver = false;
  #failure: string | undefined;

  private constructor(session: ClientHttp2Session, wire: Wire) {
    this.#session = session;
    this.#wire = wire;
    this.closed = new Promise((resolve) => {
      session.once('close', () => {
        this.#isOver = true;
        resolve();
      });
    });
    session.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
      this.#failure ??= CLOSED_CODES.has(code) ? CLOSED : message;
    });
    session.on('goaway', () => (this.#isOver = true));
    // The session tells of what matters.
    wire.on('error', () => {});
    // Before the session, which then ends its calls.
    wire.prependListener('close', () => {
      this.#isOver = true;
      this.#failure ??= CLOSED;
    });
  }

  /**
   * Begins to speak; resolves when the other side has said what it takes, which proves that somebody is there.
   *
   * @throws Error what was in the way; the reason of `abort`.
   */
  static async open(wire: Wire, limitMs: number, abort: AbortSignal): Promise<GrpcConnection> {
    const session = connect('http://agent', {
      createConnection: () => wire,
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxFrameSize: MAX_FRAME_BYTES },
    });
    const connection = new GrpcConnection(session, wire);
    session.setLocalWindowSize?.(CONNECTION_WINDOW_BYTES);
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nothing was heard of it in ${limitMs} ms`)), limitMs);
        const onAbort = (): void => reject(abort.reason as Error);
        const over = (): void => {
          clearTimeout(timer);
          abort.removeEventListener('abort', onAbort);
        };
        abort.addEventListener('abort', onAbort);
        session.once('remoteSettings', () => {
          over();
          resolve();
        });
        void connection.closed.then(() => {
          over();
          reject(new Error(connection.whyClosed ?? CLOSED));
        });
      });
    } catch (error) {
      session.destroy();
      throw error;
    }
    wire.unref();
    return connection;
  }

  /** Whether calls can be made. */
  get isOpen(): boolean {
    return !this.#isOver && !this.#session.destroyed && !this.#session.closed;
  }

  /** What went wrong with it, where something did. */
  get whyClosed(): string | undefined {
    return this.#failure;
  }

  /**
   * Makes a call; `onMessage` gets each message that comes, in pieces. This process stays alive until the call has ended.
   *
   * @throws Error where no further call can be made: then nothing was sent.
   */
  call(path: string, onMessage: (pieces: Buffer[]) => void): GrpcCall {
    const stream = this.#session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );
    this.#hold();
    const call = new GrpcCall(stream, onMessage, () => this.#failure);
    stream.once('close', () => this.#letGo());
    return call;
  }

  /**
   * Asks one question; resolves to what was answered, which after the time is nothing.
   *
   * @throws the reason of `abort`.
   */
  async ask(path: string, message: Uint8Array, limitMs: number, abort?: AbortSignal): Promise<Answer> {
    abort?.throwIfAborted();
    // Else the call could not be made.
    if (!this.isOpen) return { kind: 'refused' };
    let answer: Buffer | undefined;
    const call = this.call(path, (pieces) => (answer ??= wholeOf(pieces)));
    call.send(message);
    call.finish();
    const { promise: late, resolve } = Promise.withResolvers<CallEnd>();
    const timer = setTimeout(() => resolve({ kind: 'broken', reason: `no answer within ${limitMs} ms` }), limitMs);
    const onAbort = (): void => resolve({ kind: 'broken', reason: 'canceled' });
    abort?.addEventListener('abort', onAbort);
    const end = await Promise.race([call.ended, late]);
    clearTimeout(timer);
    abort?.removeEventListener('abort', onAbort);
    call.cancel();
    abort?.throwIfAborted();
    if (end.kind === 'status' && end.status.code === STATUS.ok && answer !== undefined)
      return { kind: 'message', message: answer };
    return end;
  }

  /** Whether the other side answers a ping of HTTP/2 in this time. */
  ping(limitMs: number): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      const answered = (error: Error | null): void => {
        clearTimeout(timer);
        resolve(error === null);
      };
      void this.closed.then(() => answered(new Error('closed')));
      try {
        this.#session.ping(answered);
      } catch {
        resolve(false);
      }
    });
  }

  /** Ends it at once, and with it every call, for this reason. */
  close(reason?: string): void {
    this.#isOver = true;
    this.#failure ??= reason;
    this.#session.destroy();
  }

  #hold(): void {
    this.#holders += 1;
    if (this.#holders === 1) this.#wire.ref();
  }

  #letGo(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#wire.unref();
  }
}
