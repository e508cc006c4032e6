import { Readable, Writable } from 'node:stream';

import type { Connection } from './connection.ts';
import { WINDOW } from './frames.ts';

/** Allowances are sent in pieces of this size, and not for every chunk. */
const ALLOWANCE_BYTES = WINDOW / 4;

/** Data is sent in pieces of this size, so that nothing else waits long. */
const CHUNK_BYTES = 64 * 1024;

/** What a command on a node writes. When it is destroyed, the command gets SIGPIPE, as locally. */
export class IncomingStream extends Readable {
  readonly #connection: Connection;
  readonly #id: number;
  readonly #stream: number;
  /** Read by now, and not yet allowed again. */
  #used = 0;
  #ended = false;

  constructor(connection: Connection, id: number, stream: number) {
    super({ highWaterMark: WINDOW / 2 });
    this.#connection = connection;
    this.#id = id;
    this.#stream = stream;
  }

  /** Takes data that has come. */
  receive(data: Buffer): void {
    this.#used += data.length;
    if (!this.destroyed) this.push(data);
  }

  /** Nothing more will come. */
  finish(): void {
    this.#ended = true;
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    if (this.#used < ALLOWANCE_BYTES || this.#ended) return;
    const allowance = Buffer.allocUnsafe(4);
    allowance.writeUInt32BE(this.#used);
    this.#used = 0;
    this.#connection.send('W', this.#id, this.#stream, allowance);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#ended) this.#connection.send('C', this.#id, this.#stream);
    done(error);
  }
}

/** What a command on a node reads. */
export class OutgoingStream extends Writable {
  readonly #connection: Connection;
  readonly #id: number;
  readonly #stream: number;
  #allowed = WINDOW;
  #goOn: (() => void) | undefined;

  constructor(connection: Connection, id: number, stream: number) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#connection = connection;
    this.#id = id;
    this.#stream = stream;
  }

  /** The node has used up so many bytes. */
  allow(bytes: number): void {
    this.#allowed += bytes;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The frame of it would say nothing.
    if (chunk.length === 0) return done();
    this.#send(chunk, done);
  }

  #send(chunk: Buffer, done: () => void): void {
    const length = Math.min(chunk.length, this.#allowed, CHUNK_BYTES);
    const goOn = (): void => (length === chunk.length ? done() : this.#send(chunk.subarray(length), done));
    if (length === 0) {
      this.#goOn = goOn;
      return;
    }
    this.#allowed -= length;
    this.#connection.send('D', this.#id, this.#stream, chunk.subarray(0, length), goOn);
  }

  override _final(done: () => void): void {
    this.#connection.send('E', this.#id, this.#stream, undefined, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#goOn = undefined;
    // The command sees the end of its input, as if its writer were gone.
    if (!this.writableFinished) this.#connection.send('E', this.#id, this.#stream);
    done(error);
  }
}
