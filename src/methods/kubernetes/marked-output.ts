import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** What a launcher says first. */
export interface Announcement {
  /** Of the run script: `started`, or why not. */
  readonly message: string;
}

/** More than comes before the announcement: what a shell complains of. */
const MAX_BEFORE_BYTES = 64 * 1024;

/** The most that a shell says of a program that it could not become. */
const MAX_COMPLAINT_BYTES = 8 * 1024;

/** How shells say so, behind the name that they were called by: dash, bash, busybox. */
const COMPLAINT = /^: (\d+: exec: |line \d+: |exec: line \d+: )/;

/**
 * What comes of the stream that a launcher says its messages on, without them. The names of these messages are random
 * numbers, so that no command says them by chance; one that does it on purpose speaks of itself.
 */
export class MarkedOutput extends Transform {
  onReady: () => void = () => {};
  onAnnouncement: (announcement: Announcement) => void = () => {};
  /** Resolves to the command's exit code, where its launcher says it. */
  readonly exited: Promise<number>;
  /** What came before the announcement, where none comes. */
  before = '';
  /** What the launcher's shell said of a program that it could not become. It is no output of the command's. */
  complaint: string | undefined;
  /** Whether something came of the command, which is never told of one that did not become a program. */
  hasGiven = false;
  readonly #id: Buffer;
  readonly #name: Buffer;
  #rest: Buffer = Buffer.alloc(0);
  #announced = false;
  #exit: (code: number) => void = () => {};

  constructor(name: string) {
    super({ highWaterMark: 256 * 1024 });
    this.#id = Buffer.from(name);
    this.#name = Buffer.from(`${name} `);
    this.exited = new Promise((resolve) => (this.#exit = resolve));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.#announced && this.#readBefore());
    if (this.#announced) this.#passOn();
    done();
  }

  override _flush(done: TransformCallback): void {
    if (!this.#announced) this.before += this.#rest.toString('latin1').slice(0, MAX_BEFORE_BYTES);
    else if (this.#rest.length > 0) this.push(this.#rest);
    done();
  }

  /** @returns whether a message was read. */
  #readBefore(): boolean {
    const start = this.#rest.indexOf(this.#name);
    const end = start === -1 ? -1 : this.#rest.indexOf('\n', start);
    if (end === -1) {
      if (this.#rest.length > MAX_BEFORE_BYTES) {
        this.before = this.#rest.toString('latin1');
        this.#announced = true;
      }
      return false;
    }
    const words = this.#rest.toString('latin1', start + this.#name.length, end).trim();
    this.before += this.#rest.toString('latin1', 0, start);
    this.#rest = this.#rest.subarray(end + 1);
    if (words === 'ready') this.onReady();
    else {
      this.#announced = true;
      this.onAnnouncement({ message: words });
    }
    return true;
  }

  #passOn(): void {
    for (;;) {
      const start = this.#rest.indexOf(this.#id);
      if (start === -1) break;
      const next = this.#rest.toString('latin1', start + this.#id.length, start + this.#name.length);
      if (next === '') return this.#give(start);
      if (next === ':' && start === 0 && !this.hasGiven) {
        const isWhole = this.#rest.includes('\n') || this.#rest.length > MAX_COMPLAINT_BYTES;
        if (!isWhole) return;
        if (this.#takeComplaint()) continue;
      }
      if (next !== ' ') {
        this.#give(start + this.#id.length);
        continue;
      }
      const text = this.#rest.toString('latin1', start, start + this.#name.length + 10);
      const [message, code] = /^\S+ exit (\d{1,3})\n/.exec(text) ?? [];
      const mayBecome = start + text.length === this.#rest.length && !text.includes('\n');
      if (message === undefined && mayBecome) return this.#give(start);
      if (message === undefined) {
        this.#give(start + this.#name.length);
        continue;
      }
      this.#give(start);
      this.#rest = this.#rest.subarray(message.length);
      this.#exit(Number(code));
    }
    this.#give(this.#rest.length - this.#begun());
  }

  /** @returns whether the first line is what a shell says of a program that it could not become. */
  #takeComplaint(): boolean {
    const end = this.#rest.indexOf('\n');
    const line = this.#rest.toString('latin1', this.#id.length, Math.max(end, 0));
    if (!COMPLAINT.test(line)) return false;
    this.complaint ??= line.replace(COMPLAINT, '').trim();
    this.#rest = this.#rest.subarray(end + 1);
    return true;
  }

  /** How many bytes at the end may be the beginning of our name. */
  #begun(): number {
    const longest = Math.min(this.#rest.length, this.#id.length - 1);
    for (let length = longest; length > 0; length--)
      if (this.#rest.subarray(-length).equals(this.#id.subarray(0, length))) return length;
    return 0;
  }

  #give(length: number): void {
    if (length === 0) return;
    this.hasGiven = true;
    this.push(this.#rest.subarray(0, length));
    this.#rest = this.#rest.subarray(length);
  }
}
