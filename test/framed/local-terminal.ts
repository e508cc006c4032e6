/** Shells in local pseudo-terminals, as raw terminals. */
import { Readable, Writable } from 'node:stream';

import { spawn } from 'node-pty';

import type { RawTerminal } from '../../src/model/raw-terminal.ts';

export interface LocalTerminal extends RawTerminal {
  readonly pid: number;
}

/** What may happen to bytes on their way from the terminal to us, and back. */
export interface Passage {
  /** Gives the pieces that a chunk becomes. */
  fromTerminal?(chunk: Buffer): Buffer[];
  toTerminal?(chunk: Buffer): Buffer[];
}

export function localTerminal(argv: readonly string[], passage: Passage = {}): LocalTerminal {
  const [file = '', ...args] = argv;
  const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', HOME: '/nonexistent', PS1: '# ' };
  const pty = spawn(file, args, { name: 'xterm-256color', cols: 80, rows: 20, cwd: '/', env, encoding: null });
  const output = new Readable({ read: () => pty.resume() });
  // With encoding null node-pty gives Buffers, whatever its types say.
  pty.onData((data: string | Buffer) => {
    for (const piece of passage.fromTerminal?.(Buffer.from(data)) ?? [Buffer.from(data)])
      if (!output.push(piece)) pty.pause();
  });
  const input = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const piece of passage.toTerminal?.(chunk) ?? [chunk]) pty.write(piece);
      done();
    },
  });
  const ended = new Promise<{ said: string }>((resolve) => {
    pty.onExit(() => {
      output.push(null);
      resolve({ said: 'it ended' });
    });
  });
  return {
    pid: pty.pid,
    input,
    output,
    ended,
    resize: (columns, rows) => pty.resize(columns, rows),
    close: () => pty.kill('SIGHUP'),
    hold() {},
  };
}
