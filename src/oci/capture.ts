import { isUtf8 } from 'node:buffer';

/** Collects output up to a limit; what comes after it is counted as truncated and dropped, so memory stays bounded. */
export class Capture {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #truncated = false;

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  write(chunk: Buffer): void {
    const room = this.#limit - this.#bytes;
    if (chunk.length > room) this.#truncated = true;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  }

  /** Says that something was dropped before it came here. */
  cut(): void {
    this.#truncated = true;
  }

  /** What was collected: as text where it is valid UTF-8, else as base64. A character cut in two by the limit is left out. */
  take(): { text: string; encoding: 'utf8' | 'base64' } {
    const whole = Buffer.concat(this.#chunks.splice(0));
    const bytes = this.#truncated ? withoutCutCharacter(whole) : whole;
    return isUtf8(bytes)
      ? { text: bytes.toString('utf8'), encoding: 'utf8' }
      : { text: whole.toString('base64'), encoding: 'base64' };
  }
}

/** Drops the beginning of a UTF-8 sequence at the end, if its rest was cut off. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0b1111_0000 ? 4 : byte >= 0b1110_0000 ? 3 : byte >= 0b1100_0000 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
