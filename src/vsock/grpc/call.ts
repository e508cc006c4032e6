import { constants } from 'node:http2';
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';

import { FrameReader, frameOf } from './frames.ts';
import { statusIn } from './status.ts';
import type { GrpcStatus } from './status.ts';

/** How a call ended. */
export type CallEnd =
  /** The server has ended it. */
  | { readonly kind: 'status'; readonly status: GrpcStatus }
  /** The server has not looked at it, and never will (HTTP/2: REFUSED_STREAM). */
  | { readonly kind: 'refused' }
  /** The connection, or the stream, broke. */
  | { readonly kind: 'broken'; readonly reason: string };

/** One call of gRPC: messages in both directions, until it ends. */
export class GrpcCall {
  /** Settles when no further message comes; never rejects. */
  readonly ended: Promise<CallEnd>;
  readonly #stream: ClientHttp2Stream;
  readonly #frames = new FrameReader();
  #status: GrpcStatus | undefined;
  #failure: string | undefined;
  #isRefused = false;

  /**
   * @param onMessage called for each message, one after the other, with the pieces in which it came.
   * @param whyBroken what is known of a connection that broke.
   */
  constructor(
    stream: ClientHttp2Stream,
    onMessage: (pieces: Buffer[]) => void,
    whyBroken: () => string | undefined = () => undefined,
  ) {
    this.#stream = stream;
    stream.on('response', (headers) => this.#headers(headers));
    stream.on('trailers', (headers: IncomingHttpHeaders) => (this.#status ??= statusIn(headers)));
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of this.#frames.read(chunk)) onMessage(message);
      } catch (error) {
        this.#failure ??= `the agent sends what is no message: ${(error as Error).message}`;
        this.cancel();
      }
    });
    stream.on('error', (error) => (this.#failure ??= error.message));
    this.ended = new Promise((resolve) => {
      stream.once('end', () => {
        resolve(this.#end(whyBroken));
        // A server that has ended its side alone waits for the end of ours.
        this.cancel();
      });
      stream.once('close', () => {
        this.#isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        resolve(this.#end(whyBroken));
      });
    });
  }

  /** Sends a message; `done` is called when there is room for more, whatever became of it. */
  send(message: Uint8Array, done: () => void = () => {}): void {
    if (!this.#isWritable) return done();
    this.#stream.write(frameOf(message), () => done());
  }

  /** The same of a message whose end is a `rest` that is not copied: it must stay as it is until `done` is called. */
  sendWith(message: Uint8Array, rest: Uint8Array, done: () => void): void {
    if (!this.#isWritable) return done();
    // Both leave in one write.
    this.#stream.cork();
    this.#stream.write(frameOf(message, rest.length));
    this.#stream.write(rest, () => done());
    this.#stream.uncork();
  }

  /** Says that no further message comes. */
  finish(done: () => void = () => {}): void {
    if (!this.#isWritable) return done();
    this.#stream.end(() => done());
  }

  /** Gives it up; the server is told. */
  cancel(): void {
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  get #isWritable(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed && !this.#stream.writableEnded;
  }

  #headers(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.#status ??= statusIn(headers);
    const { ':status': code, 'content-type': type = '' } = headers;
    if (this.#status !== undefined || (code === 200 && type.startsWith('application/grpc'))) return;
    this.#failure ??= `who answers is no agent (HTTP status ${code}, ${JSON.stringify(type.slice(0, 40))})`;
    this.cancel();
  }

  #end(whyBroken: () => string | undefined): CallEnd {
    if (this.#isRefused) return { kind: 'refused' };
    if (this.#failure === undefined && this.#status !== undefined && !this.#frames.isInside)
      return { kind: 'status', status: this.#status };
    const reason = whyBroken() ?? this.#failure ?? 'the agent ended it without a status';
    return { kind: 'broken', reason };
  }
}
