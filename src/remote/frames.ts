/**
 * The protocol that we speak with our program on another node (program.ts), over any channel of bytes: many commands at
 * once, each with its streams. A frame is its type (one character), a stream (one byte), the number of the command it is
 * about (4 bytes, big-endian), the length of what follows (4 bytes, big-endian), and that.
 *
 * A stream is sent only as far as its receiver has allowed: {@link WINDOW} bytes at first, and then as many more as the
 * receiver has used up and says so (`W`). So one command whose output nobody reads holds up no other, and memory is flat
 * on both sides.
 */

/** How many bytes of one stream may be on their way. */
export const WINDOW = 1024 * 1024;

/** From us to the node. */
export type Request =
  /** Start: three lists, see `startPayload`. */
  | 'S'
  /** Ask for a container, by its VMID or name. */
  | 'A'
  /** End the tree of an execution whose connection was lost: a list of its id, the init process, the start time. */
  | 'T'
  /** A signal's recipient (`helper`, `command`, `group`) and number. */
  | 's'
  /** The size of the terminal: columns and rows, 2 bytes each. */
  | 'z'
  /** End the command's tree. */
  | 'k'
  /** Forget the command: what it has left running is meant to stay. */
  | 'f'
  /** We are there. */
  | 'q';

/** From the node to us. */
export type Reply =
  /** Hello: a list of the user id and name we have there. */
  | 'H'
  /** Started: the pid and its start time. */
  | 'P'
  /** It could not be started: what failed, and the system's error (text, or number of execve). */
  | 'F'
  /** The program has ended: `code N` or `signal N`. */
  | 'X'
  /** The tree was ended (`1`), or something of it is left (`0`). */
  | 'K'
  /** What there is to know of a container: a list of keys and values. */
  | 'A'
  | 'Q';

/** In both directions: data of a stream, its end, more of it is allowed, nobody reads it any more. */
export type StreamFrame = 'D' | 'E' | 'W' | 'C';

/** The streams of a command. */
export const STREAM = { stdin: 0, stdout: 1, stderr: 2, channel: 3, log: 4 } as const;

export interface Frame {
  readonly type: string;
  readonly stream: number;
  readonly id: number;
  readonly payload: Buffer;
}

const HEADER_BYTES = 10;

/** More than any frame of ours: something else speaks on the channel. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);

/** The header of a frame whose payload follows. */
export function frameHeader(type: Request | StreamFrame, id: number, stream: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.write(type, 0, 'latin1');
  header.writeUInt8(stream, 1);
  header.writeUInt32BE(id, 2);
  header.writeUInt32BE(length, 6);
  return header;
}

/** Takes a stream of bytes apart into frames. */
export class FrameReader {
  readonly #seal: Uint8Array;
  /** What has come and was not taken yet. In pieces: a terminal brings a frame in many, and each is copied once. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** With fewer there is nothing to be taken. */
  #needed = 0;

  /** @param seal see `Channel.seal`. */
  constructor(seal: Uint8Array = NOTHING) {
    this.#seal = seal;
  }

  /**
   * @returns the frames that are complete with this chunk.
   * @throws Error for a length that no frame of ours has, and a frame without its seal.
   */
  *read(chunk: Buffer): Generator<Frame> {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    let bytes = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces, this.#bytes);
    const start = HEADER_BYTES + this.#seal.length;
    this.#needed = start;
    while (bytes.length >= start) {
      const end = start + bytes.readUInt32BE(6);
      // Its length is not waited for before it is known to be one.
      this.#checkSeal(bytes, HEADER_BYTES);
      if (end > MAX_PAYLOAD_BYTES) throw new Error('an answer is not understood');
      const next = end + this.#seal.length;
      if (bytes.length < next) {
        this.#needed = next;
        break;
      }
      this.#checkSeal(bytes, end);
      yield {
        type: String.fromCharCode(bytes[0] ?? 0),
        stream: bytes[1] ?? 0,
        id: bytes.readUInt32BE(2),
        payload: bytes.subarray(start, end),
      };
      bytes = bytes.subarray(next);
    }
    this.#pieces = bytes.length === 0 ? [] : [bytes];
    this.#bytes = bytes.length;
  }

  #checkSeal(bytes: Buffer, at: number): void {
    if (bytes.compare(this.#seal, 0, undefined, at, at + this.#seal.length) !== 0)
      throw new Error('something else was written between its answers');
  }
}

/** A list of byte strings: its length, then each with its own (4 bytes, big-endian). */
export function packList(items: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [lengthOf(items.length)];
  for (const item of items) {
    const bytes = typeof item === 'string' ? Buffer.from(item) : item;
    parts.push(lengthOf(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

/** Takes such a list apart, as text. */
export function unpackList(payload: Buffer): string[] {
  const items: string[] = [];
  let at = 4;
  for (let left = payload.readUInt32BE(0); left > 0; left--) {
    const end = at + 4 + payload.readUInt32BE(at);
    items.push(payload.toString('utf8', at + 4, end));
    at = end;
  }
  return items;
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(length);
  return bytes;
}
