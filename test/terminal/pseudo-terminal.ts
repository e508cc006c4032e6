/** A real terminal for tests: a program in it, and its device for others to open. */
import { closeSync, constants, openSync } from 'node:fs';

import { spawn } from 'node-pty';
import type { IPty } from 'node-pty';

import { waitFor } from '../support/wait-for.ts';

export interface PseudoTerminal {
  readonly pty: IPty;
  /** Such as /dev/pts/7. */
  readonly device: string;
  /** The device, opened without becoming our controlling terminal. */
  readonly fd: number;
  /** What was written on it so far. */
  output(): string;
  /** Closes the other side, as a window that is closed does. */
  hangUp(): void;
  close(): void;
}

/** Opens a terminal that a sleeping shell keeps alive. */
export async function openPseudoTerminal(): Promise<PseudoTerminal> {
  let text = '';
  const pty = spawn('/bin/sh', ['-c', 'echo "device=$(tty)."; exec sleep 1000'], { cols: 80, rows: 24, cwd: '/' });
  pty.onData((data) => (text += data));
  const device = await waitFor(() => /device=(\/dev\/\S+)\./.exec(text)?.[1], { what: 'the terminal' });
  const fd = openSync(device, constants.O_RDWR | constants.O_NOCTTY);
  return {
    pty,
    device,
    fd,
    output: () => text,
    // Missing in node-pty's types.
    hangUp: () => (pty as IPty & { destroy(): void }).destroy(),
    close() {
      closeSync(fd);
      pty.kill('SIGKILL');
    },
  };
}
