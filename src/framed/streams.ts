import { Readable, Writable } from 'node:stream';

/** Above this much that nobody has read, the helper is asked to wait. */
const HIGH_WATER = 256 * 1024;

/** What a command writes, or what its script says. */
export class OutputStream extends Readable {
  readonly #pause: (paused: boolean) => void;
  readonly #unwanted: () => void;
  #paused = false;
  #ended = false;

  /**
   * @param pause asks its writer to wait, or to go on.
   * @param unwanted nobody reads it any more.
   */
  constructor(pause: (paused: boolean) => void, unwanted: () => void) {
    super({ highWaterMark: HIGH_WATER });
    this.#pause = pause;
    this.#unwanted = unwanted;
  }

  /** True once its writer has said that nothing more comes. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether its writer was asked to wait. */
  get isFull(): boolean {
    return this.#paused;
  }

  receive(data: Buffer): void {
    if (this.destroyed || this.push(data) || this.#paused) return;
    this.#paused = true;
    this.#pause(true);
  }

  finish(): void {
    this.#ended = true;
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#ended) this.#pause(false);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#ended) this.#unwanted();
    done(error);
  }
}

/** What may be on its way and not yet taken by the command: its lines have to fit into a pipe (64 KiB). */
const PIPE_ROOM = 48 * 1024;

const CHUNK = 16 * 1024;

/** What a command reads. */
export class InputStream extends Writable {
  readonly #send: (chunk: Buffer) => void;
  readonly #end: () => void;
  readonly #window: number;
  readonly #onTheWay: number[] = [];
  #unread = 0;
  #closed = false;
  #goOn: (() => void) | undefined;

  /**
   * @param growth how much longer a piece can become on its way.
   * @param end tells the helper that nothing more comes.
   */
  constructor(growth: number, send: (chunk: Buffer) => void, end: () => void) {
    super({ highWaterMark: PIPE_ROOM / 4 });
    this.#window = Math.floor(PIPE_ROOM / growth);
    this.#send = send;
    this.#end = end;
  }

  /** Whether something was sent that the command has not taken. */
  get isWaiting(): boolean {
    return this.#unread > 0;
  }

  /** The command has taken the oldest piece. */
  taken(): void {
    this.#unread -= this.#onTheWay.shift() ?? 0;
    this.#wake();
  }

  /** The command reads no more, or its connection is lost. */
  close(): void {
    this.#closed = true;
    this.destroy();
    this.#wake();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pass(chunk, done);
  }

  #pass(chunk: Buffer, done: () => void): void {
    if (this.#closed || chunk.length === 0) return done();
    const room = Math.min(CHUNK, this.#window - this.#unread);
    if (room <= 0) {
      this.#goOn = () => this.#pass(chunk, done);
      return;
    }
    const piece = chunk.subarray(0, room);
    this.#unread += piece.length;
    this.#onTheWay.push(piece.length);
    this.#send(piece);
    this.#pass(chunk.subarray(room), done);
  }

  override _final(done: () => void): void {
    if (!this.#closed) this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished && !this.#closed) this.#end();
    this.#closed = true;
    done(error);
  }

  #wake(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }
}
