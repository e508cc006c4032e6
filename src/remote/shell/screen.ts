import type { Readable } from 'node:stream';

/** More than a login prints. */
const KEPT_BYTES = 256 * 1024;

/** What has come from a terminal, to be waited for. */
export class Screen {
  readonly #output: Readable;
  readonly #take: (chunk: Buffer) => void;
  #text = '';
  #changed: () => void = () => {};

  constructor(output: Readable) {
    this.#output = output;
    this.#take = (chunk) => {
      // Marks of ours are plain letters, whatever the encoding of what is around them.
      this.#text = (this.#text + chunk.toString('latin1')).slice(-KEPT_BYTES);
      this.#changed();
    };
    output.on('data', this.#take);
  }

  get text(): string {
    return this.#text;
  }

  /** Waits until what has come fulfils a condition; `false` when it does not in this time, or `stop` settles first. */
  async until(condition: (text: string) => boolean, milliseconds: number, stop: Promise<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const over = { yes: false };
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
    const end = Promise.race([late, stop]).then(() => (over.yes = true));
    try {
      while (!condition(this.#text)) {
        if (over.yes) return false;
        const change = new Promise<void>((resolve) => (this.#changed = resolve));
        // oxlint-disable-next-line no-await-in-loop -- waiting is what it is about
        await Promise.race([change, end]);
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Leaves the output to somebody else. */
  leave(): void {
    this.#output.off('data', this.#take);
  }
}

/** The text without what moves a cursor or sets colors, on lines of their own. */
export function plainLines(text: string): string[] {
  // oxlint-disable-next-line no-control-regex -- they are what it is about
  const plain = text.replaceAll(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])/g, '');
  return plain.split(/[\r\n]+/);
}
