import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';

import { LxcriError } from '../model/errors.ts';
import { sanitize } from './sanitize.ts';

/** Asks somebody at a terminal. Questions go to standard error: standard output is for results. */
export interface Asker {
  /** Shows a line. */
  tell(text: string): void;
  /** A line, without spaces at its ends. */
  line(question: string): Promise<string>;
  /** A line that is not shown while it is typed. */
  secret(question: string): Promise<string>;
  /** Only "yes" is a yes. */
  confirm(question: string): Promise<boolean>;
}

/**
 * Whoever sits at the terminal of this process.
 *
 * @returns `undefined` when standard input or standard error is none: nobody can be asked.
 */
export function askerAtTerminal(): Asker | undefined {
  if (!isatty(0) || !isatty(2)) return undefined;
  const { stderr } = process;
  return {
    tell: (text) => void stderr.write(`${sanitize(text)}\n`),
    line: async (question) => (await readLine(question, stderr)).trim(),
    secret: (question) => readSecretLine(question),
    confirm: async (question) => (await readLine(`${question} (yes/no) `, stderr)).trim() === 'yes',
  };
}

async function readSecretLine(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  process.stderr.write(sanitize(question));
  try {
    return await readLine('', nowhere);
  } finally {
    process.stderr.write('\n');
  }
}

/** @throws LxcriError `UsageError` at the end of the input. */
function readLine(question: string, output: NodeJS.WritableStream): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  return new Promise((resolve, reject) => {
    lines.question(sanitize(question), (answer) => {
      resolve(answer);
      lines.close();
    });
    // The terminal is in raw mode: the key is only a character there. Closing gives its own mode back.
    lines.on('SIGINT', () => {
      lines.close();
      process.kill(process.pid, 'SIGINT');
    });
    lines.on('close', () =>
      reject(new LxcriError('UsageError', 'the question was not answered', 'answer it, or use the flags of login')),
    );
  });
}
