import { Writable } from 'node:stream';

/** A longer line is cut into pieces of this many bytes: what is kept of a line without an end is bounded. */
export const LONGEST_LINE = 64 * 1024;

/** Lines are handed on in portions of about this size. */
const PORTION = 256 * 1024;

/** Of a line that is not whole. */
const MOST_PARTS = 256;

const NEWLINE = Buffer.from('\n');

/**
 * One output stream of one of several commands: each line gets a prefix that says whose it is. Bytes stay as they are. A
 * line is written when it is whole, so that those of several commands do not mix; one of more than {@link LONGEST_LINE}
 * bytes comes in pieces, all but the first of them with a prefix that says so.
 */
export class PrefixedLines extends Writable {
  readonly #write: WriteLines;
  readonly #first: Buffer;
  readonly #further: Buffer;
  /** What came of a line that has not ended. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #isFurther = false;
  #portion: Buffer[] = [];
  #portionBytes = 0;

  /**
   * @param label without anything that a terminal acts on.
   * @param write takes whole lines; its promise is waited for, and rejects as the stream's error.
   */
  constructor(label: string, write: WriteLines) {
    super({ decodeStrings: true });
    this.#write = write;
    this.#first = Buffer.from(`[${label}] `);
    this.#further = Buffer.from(`[${label}+] `);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    void settle(this.#take(chunk), done);
  }

  /** A last line without an end gets one. */
  override _final(done: Done): void {
    if (this.#pendingBytes > 0) this.#line([]);
    void settle(this.#handOn(), done);
  }

  async #take(chunk: Buffer): Promise<void> {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(0x0a, from);
      const rest = chunk.subarray(from, end === -1 ? undefined : end);
      const room = LONGEST_LINE - this.#pendingBytes;
      if (rest.length > room) {
        this.#line([rest.subarray(0, room)]);
        this.#isFurther = true;
        from += room;
      } else if (end === -1) {
        // The chunk's memory may be much more than this part of it, and is not kept.
        this.#pending.push(Buffer.from(rest));
        this.#pendingBytes += rest.length;
        // Byte by byte, what each is kept in would take more than the line.
        if (this.#pending.length > MOST_PARTS) this.#pending = [Buffer.concat(this.#pending)];
        break;
      } else {
        this.#line([rest]);
        this.#isFurther = false;
        from = end + 1;
      }
      // oxlint-disable-next-line no-await-in-loop -- the next portion waits for this one
      if (this.#portionBytes >= PORTION) await this.#handOn();
    }
    await this.#handOn();
  }

  #line(rest: readonly Buffer[]): void {
    const parts = [this.#isFurther ? this.#further : this.#first, ...this.#pending, ...rest, NEWLINE];
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const part of parts) this.#portionBytes += part.length;
    this.#portion.push(...parts);
  }

  async #handOn(): Promise<void> {
    if (this.#portionBytes === 0) return;
    const lines = Buffer.concat(this.#portion.splice(0));
    this.#portionBytes = 0;
    await this.#write(lines);
  }
}

/** Takes whole lines; resolves when they are written. */
export type WriteLines = (lines: Buffer) => Promise<void>;

type Done = (error?: Error | null) => void;

async function settle(work: Promise<void>, done: Done): Promise<void> {
  let failure: Error | null = null;
  try {
    await work;
  } catch (error) {
    failure = error as Error;
  }
  done(failure);
}
