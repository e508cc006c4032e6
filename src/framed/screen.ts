import type { RawTerminal } from '../model/raw-terminal.ts';

/** Sequences that draw nothing: CSI, OSC and other strings, character sets, and the two-character ones (ECMA-48, xterm). */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]+[0-~]|[0-~])/g;

/** More than a shell says before its prompt. */
const MAX_KEPT = 256 * 1024;

/** What a terminal shows, as far as lines of text go. */
export class Screen {
  readonly #terminal: RawTerminal;
  readonly #take: (chunk: Buffer) => void;
  #raw = '';
  #ended: string | undefined;
  #heardAt = Date.now();
  #watchers = new Set<() => void>();

  constructor(terminal: RawTerminal) {
    this.#terminal = terminal;
    this.#take = (chunk) => {
      this.#raw = (this.#raw + chunk.toString('latin1')).slice(-MAX_KEPT);
      this.#heardAt = Date.now();
      this.#wake();
    };
    terminal.output.on('data', this.#take);
    void terminal.ended.then(({ said }) => {
      this.#ended = said === '' ? 'it was closed' : said;
      this.#wake();
    });
  }

  /** Why nothing more will come. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Without what only moves the cursor or colours. */
  get text(): string {
    return this.#raw.replace(SEQUENCES, '');
  }

  /** Where the cursor is, as far as it was written. */
  get lastLine(): string {
    return /[^\r\n]*$/.exec(this.text)?.[0] ?? '';
  }

  get quietMs(): number {
    return Date.now() - this.#heardAt;
  }

  type(text: string): void {
    this.#terminal.input.write(text);
  }

  /** Forgets what was shown. */
  clear(): void {
    this.#raw = '';
  }

  /** What the condition gave as soon as it is not `undefined`; `undefined` when the time is over or the terminal ended. */
  until<T>(condition: () => T | undefined, timeoutMs: number, abort?: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve) => {
      const deadline = Date.now() + timeoutMs;
      const look = (): void => {
        const found = condition();
        const over = this.#ended !== undefined || abort?.aborted === true || Date.now() >= deadline;
        if (found === undefined && !over) return;
        clearInterval(timer);
        this.#watchers.delete(look);
        abort?.removeEventListener('abort', look);
        resolve(found);
      };
      // Conditions may be about silence, which nothing announces.
      const timer = setInterval(look, 25);
      this.#watchers.add(look);
      abort?.addEventListener('abort', look);
      look();
    });
  }

  /** What came after the first occurrence of this, once it has come; the screen looks no more. */
  handOver(mark: RegExp): Buffer {
    this.#terminal.output.removeListener('data', this.#take);
    const found = mark.exec(this.#raw);
    return Buffer.from(found === null ? '' : this.#raw.slice(found.index + found[0].length), 'latin1');
  }

  #wake(): void {
    for (const look of this.#watchers) look();
  }
}
