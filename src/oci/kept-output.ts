import { readSync, writeSync } from 'node:fs';

import { DISK_FIRST, openUnnamedFile } from '../process/unnamed-file.ts';
import type { UnnamedFile } from '../process/unnamed-file.ts';

/** Of each stream this much stays in memory, so that a short report needs no disk. */
const HEAD_BYTES = 65_536;
const PIECE_BYTES = 65_536;

/**
 * Keeps a stream for later: its beginning in memory, the rest in a file without a name. What is more than the limit
 * leaves out the middle, because a failure is mostly told at the end. A disk that is full loses output, and nothing else.
 */
export class KeptOutput {
  readonly #head: number;
  readonly #capacity: number;
  readonly #openFile: () => UnnamedFile;
  #memory: Buffer | undefined;
  #inMemory = 0;
  #file: UnnamedFile | undefined;
  /** What the file was given; more than its capacity has gone round. */
  #toFile = 0;
  #bytes = 0;
  #failure: Error | undefined;

  /**
   * @param limit in bytes.
   * @param openFile makes the file, when it is needed.
   */
  constructor(limit: number, openFile: () => UnnamedFile = () => openUnnamedFile(DISK_FIRST)) {
    this.#head = Math.min(HEAD_BYTES, Math.floor(limit / 2));
    this.#capacity = limit - this.#head;
    this.#openFile = openFile;
  }

  /** How much of the stream was not kept, in bytes, and the reason if that is not the limit. */
  get lost(): { readonly bytes: number; readonly failure: Error | undefined } {
    return { bytes: this.#bytes - this.#inMemory - Math.min(this.#toFile, this.#capacity), failure: this.#failure };
  }

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    const room = Math.min(this.#head - this.#inMemory, chunk.length);
    if (room > 0) {
      this.#memory ??= Buffer.allocUnsafeSlow(this.#head);
      chunk.copy(this.#memory, this.#inMemory, 0, room);
      this.#inMemory += room;
    }
    if (room < chunk.length && this.#failure === undefined && this.#capacity > 0) this.#spill(chunk.subarray(room));
  }

  #spill(bytes: Buffer): void {
    try {
      const { fd } = (this.#file ??= this.#openFile());
      for (let done = 0; done < bytes.length; ) {
        const position = this.#toFile % this.#capacity;
        const length = Math.min(bytes.length - done, this.#capacity - position);
        const written = writeSync(fd, bytes, done, length, position);
        done += written;
        this.#toFile += written;
      }
    } catch (error) {
      this.#failure = error as Error;
    }
  }

  /** What was kept, in order. */
  *pieces(): Generator<Buffer> {
    if (this.#memory !== undefined) yield this.#memory.subarray(0, this.#inMemory);
    const begin = this.#toFile % this.#capacity;
    if (this.#toFile > this.#capacity) yield* this.#read(begin, this.#capacity);
    yield* this.#read(0, this.#toFile > this.#capacity ? begin : this.#toFile);
  }

  *#read(from: number, to: number): Generator<Buffer> {
    for (let position = from; position < to; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, to - position));
      const length = this.#file === undefined ? 0 : readSync(this.#file.fd, piece, 0, piece.length, position);
      if (length === 0) return;
      yield piece.subarray(0, length);
      position += length;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}
