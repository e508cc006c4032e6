import { createHash } from 'node:crypto';

/** One line of the helper. */
export interface HelperFrame {
  /** The number of the command it is about; 0 for the session itself. */
  readonly command: number;
  /** Which of its processes says it. */
  readonly writer: string;
  readonly kind: string;
  readonly payload: string;
}

/** Thrown where the stream holds anything but whole lines of the helper, each once and in order. */
export class DisturbedError extends Error {
  override readonly name = 'DisturbedError';
}

/** Above the longest line that the helper says: 24 KiB of output as hexadecimal digits. */
const MAX_LINE = 64 * 1024;

const LINE = /^([0-9a-f]{8}) (\d{1,9}) ([A-Z]\d{0,9}) (\d{1,9}) ([A-Z.]) ([0-9A-Za-z+/= -]*) ([0-9a-f]{64})$/;

/** Takes the helper's lines out of what comes from the terminal, and nothing else for it. */
export class FrameReader {
  readonly #tag: string;
  readonly #key: string;
  readonly #next = new Map<string, number>();
  #rest: Buffer[] = [];
  #restLength = 0;

  constructor(tag: string, key: string) {
    this.#tag = tag;
    this.#key = key;
  }

  /**
   * The lines that are complete by now.
   *
   * @throws DisturbedError as soon as it is certain that the stream is not only the helper's.
   */
  *read(chunk: Buffer): Generator<HelperFrame> {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, end)]).toString('latin1');
      this.#rest = [];
      this.#restLength = 0;
      from = end + 1;
      // A terminal further out makes CR LF of LF.
      yield this.#frameOf(line.replace(/\r{1,3}$/, ''));
    }
    if (from === chunk.length) return;
    this.#rest.push(chunk.subarray(from));
    this.#restLength += chunk.length - from;
    const begin = Buffer.concat(this.#rest, Math.min(this.#restLength, this.#tag.length)).toString('latin1');
    if (!this.#tag.startsWith(begin) || this.#restLength > MAX_LINE)
      throw new DisturbedError('something else was written to it');
  }

  #frameOf(line: string): HelperFrame {
    const [, tag = '', command = '', writer = '', number = '', kind = '', payload = '', digest = ''] =
      LINE.exec(line) ?? [];
    const text = line.slice(0, -65);
    if (tag !== this.#tag || digest !== digestOf(this.#key, text))
      throw new DisturbedError('something else was written to it');
    const from = `${command} ${writer}`;
    const expected = this.#next.get(from) ?? 0;
    if (Number(number) !== expected) throw new DisturbedError('a part of what it carried is missing');
    this.#next.set(from, expected + 1);
    return { command: Number(command), writer, kind, payload };
  }
}

/** What proves that a line is of this session, and whole: SHA-256 in hexadecimal digits. */
export function digestOf(key: string, text: string): string {
  return createHash('sha256').update(`${key} ${text}`, 'latin1').digest('hex');
}
