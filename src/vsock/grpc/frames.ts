/**
 * Messages of gRPC as they are in the data of an HTTP/2 stream: a byte that says whether it is compressed, the length as 32
 * bits, big-endian, the message (the protocol of gRPC over HTTP/2, "Length-Prefixed-Message").
 */
const HEADER_BYTES = 5;

/** A longer message is a mistake, or an attack on our memory: agents write output in pieces. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** What came is no gRPC. */
export class BrokenFrameError extends Error {
  override readonly name = 'BrokenFrameError';
}

/**
 * A message, ready to be written.
 *
 * @param more bytes of it that are written after this, as they are.
 */
export function frameOf(message: Uint8Array, more = 0): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length + more, 1);
  frame.set(message, HEADER_BYTES);
  return frame;
}

/** Takes messages out of data that comes in any pieces. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Of the message that comes next, once its header is there. */
  #wanted: number | undefined;

  /** Whether a message has begun, and not ended. */
  get isInside(): boolean {
    return this.#bytes > 0 || this.#wanted !== undefined;
  }

  /**
   * The messages that are whole with this chunk, each in the pieces in which it came: nothing is copied.
   *
   * @throws BrokenFrameError
   */
  *read(chunk: Buffer): Generator<Buffer[]> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#bytes < HEADER_BYTES) return;
        const header = wholeOf(this.#take(HEADER_BYTES));
        if (header[0] !== 0) throw new BrokenFrameError('it is compressed, or no gRPC');
        const length = header.readUInt32BE(1);
        if (length > MAX_MESSAGE_BYTES) throw new BrokenFrameError(`a message of ${length} bytes is too long`);
        this.#wanted = length;
      }
      if (this.#bytes < this.#wanted) return;
      const message = this.#take(this.#wanted);
      this.#wanted = undefined;
      yield message;
    }
  }

  /** The next bytes. */
  #take(length: number): Buffer[] {
    this.#bytes -= length;
    const pieces: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const [chunk = Buffer.alloc(0)] = this.#chunks;
      pieces.push(chunk.length > left ? chunk.subarray(0, left) : chunk);
      if (chunk.length > left) this.#chunks[0] = chunk.subarray(left);
      else this.#chunks.shift();
      left -= chunk.length;
    }
    return pieces;
  }
}

/** A message that came in pieces; copied only where they are several. */
export function wholeOf(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}
