/**
 * One console: the program `termproxy`, which lets one client with the right first line at a terminal. It ends when the
 * client leaves, and sometimes when the program in the terminal does.
 */
import { spawn } from 'node-pty';
import type { IPty } from 'node-pty';
import type { Settings } from '../settings.ts';
import { InputParser } from './input-parser.ts';
import { TerminalWriter } from './terminal-writer.ts';

export interface ConsoleOptions {
  readonly settings: Settings;
  /** What the client has to say first, without the line's end. */
  readonly greeting: string;
  readonly argv: () => Promise<readonly string[]>;
}

/** Where the terminal's output goes. */
export interface ConsoleClient {
  /** False when it would rather have no more for now. */
  write(bytes: Buffer): boolean;
  /** Calls back when it can take more. */
  drained(action: () => void): void;
  end(): void;
}

const COLUMNS = 80;
const ROWS = 20;

export class Console {
  /** The exit code of termproxy. */
  readonly done: Promise<number>;
  readonly #options: ConsoleOptions;
  #finish: (code: number) => void = () => {};
  #timer: NodeJS.Timeout;
  #client: ConsoleClient | undefined;
  #firstLine: Buffer | undefined = Buffer.alloc(0);
  #pty: IPty | undefined;
  #writer: TerminalWriter | undefined;
  /** Has come from the terminal in this turn: one message for all of it, as when pveproxy reads what termproxy wrote. */
  #shown: Buffer[] = [];
  #ended = false;
  readonly #parser: InputParser;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.done = new Promise((resolve) => (this.#finish = resolve));
    this.#timer = this.#expire();
    this.#parser = new InputParser({
      data: (bytes) => this.#writer?.write(bytes),
      resize: (columns, rows) => this.#pty?.resize(columns, rows),
    });
  }

  get isWaiting(): boolean {
    return !this.#ended && this.#client === undefined;
  }

  connect(client: ConsoleClient): void {
    this.#client = client;
    clearTimeout(this.#timer);
    this.#timer = this.#expire();
  }

  /** Bytes from the client. */
  receive(bytes: Buffer): void {
    if (this.#firstLine === undefined) {
      this.#parser.write(bytes);
      return;
    }
    this.#firstLine = Buffer.concat([this.#firstLine, bytes]);
    const end = this.#firstLine.indexOf('\n');
    if (end < 0) return;
    const line = this.#firstLine.subarray(0, end).toString();
    const rest = this.#firstLine.subarray(end + 1);
    this.#firstLine = undefined;
    clearTimeout(this.#timer);
    if (line !== this.#options.greeting) {
      this.#end(1);
      return;
    }
    this.#client?.write(Buffer.from('OK'));
    this.#parser.write(rest);
    void this.#startTerminal();
  }

  /** The client has left. */
  left(): void {
    this.#end(this.#firstLine === undefined ? 0 : 1);
  }

  /** Ends it from outside. */
  end(): void {
    this.#end(1);
  }

  async #startTerminal(): Promise<void> {
    const [file = '', ...args] = await this.#options.argv();
    if (this.#ended) return;
    const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8' };
    const pty = spawn(file, args, { name: 'xterm-256color', cols: COLUMNS, rows: ROWS, cwd: '/', env, encoding: null });
    this.#pty = pty;
    this.#writer = new TerminalWriter((pty as unknown as { readonly fd: number }).fd);
    pty.onData((data) => {
      // With encoding null node-pty gives Buffers, whatever its types say.
      this.#shown.push(data as unknown as Buffer);
      if (this.#shown.length === 1) setImmediate(() => this.#show(pty));
    });
    pty.onExit(() => {
      this.#pty = undefined;
      this.#writer?.end();
      this.#show(pty);
      if (this.#options.settings.consoleEnd === 'close') this.#end(1);
    });
    this.#parser.start();
  }

  #show(pty: IPty): void {
    const shown = this.#shown.splice(0);
    if (shown.length === 0 || this.#client?.write(Buffer.concat(shown)) !== false) return;
    pty.pause();
    this.#client.drained(() => pty.resume());
  }

  #expire(): NodeJS.Timeout {
    return setTimeout(() => this.#end(1), this.#options.settings.consoleWaitMs);
  }

  #end(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#writer?.end();
    // The program in it loses its terminal, as when termproxy ends; dtach's other half lives on.
    this.#pty?.kill('SIGHUP');
    this.#pty = undefined;
    this.#client?.end();
    this.#finish(code);
  }
}
