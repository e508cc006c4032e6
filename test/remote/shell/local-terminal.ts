/** A terminal of this host, as if it were one of another. */
import { Readable, Writable } from 'node:stream';

import { spawn } from 'node-pty';

import type { RawTerminal } from '../../../src/model/raw-terminal.ts';

export interface LocalTerminal extends RawTerminal {
  /** Of what runs in it. */
  readonly pid: number;
  /** All that was typed. */
  readonly typed: () => string;
  /** Puts bytes among those that come from it. */
  inject(bytes: Buffer): void;
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly environment?: Record<string, string>;
}

export function openLocalTerminal(argv: readonly string[], options: TerminalOptions = {}): LocalTerminal {
  const { columns = 80, environment = {} } = options;
  const [file = '', ...args] = argv;
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TERM: 'xterm-256color', ...environment };
  const pty = spawn(file, [...args], { cols: columns, rows: 20, cwd: '/', env, encoding: null });
  const typed: string[] = [];
  let open = true;
  const output = new Readable({ highWaterMark: 1024 * 1024, read: () => void (open && pty.resume()) });
  // With encoding null node-pty gives Buffers, whatever its types say.
  pty.onData((data: string | Buffer) => {
    if (!output.push(Buffer.from(data)) && open) pty.pause();
  });
  const ended = new Promise<{ said: string }>((resolve) =>
    pty.onExit(() => {
      open = false;
      resolve({ said: '' });
    }),
  );
  return {
    pid: pty.pid,
    typed: () => typed.join(''),
    // Later: who reads may be in the middle of what came before.
    inject: (bytes) => void setImmediate(() => output.push(bytes)),
    input: new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (typed.length < 100) typed.push(chunk.toString('latin1'));
        if (open) pty.write(chunk);
        done();
      },
    }),
    output,
    ended,
    resize: (cols, rows) => void (open && pty.resize(cols, rows)),
    close: () => void (open && pty.kill('SIGHUP')),
    hold() {},
  };
}
