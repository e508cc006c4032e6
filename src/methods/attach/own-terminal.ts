import { isatty } from 'node:tty';

import type { ExecRequest } from '../../model/request.ts';
import { startWatchdog } from '../../process/watchdog.ts';
import { restoreTerminal, saveTerminal } from '../../terminal/device.ts';

/** Where our terminal is, if we work on one. */
export const TERMINAL_FD = 0;

/** Whether the attaching program can work on our own terminal, as it is made to. */
export function isOurTerminal({ stdin, stdout }: ExecRequest): boolean {
  return (
    stdin.kind === 'descriptor' &&
    stdin.fd === TERMINAL_FD &&
    isatty(stdin.fd) &&
    stdout.kind === 'descriptor' &&
    isatty(stdout.fd)
  );
}

/** Our terminal, which our own standard input reads raw meanwhile: it is given back also if we die. */
export function keepOurTerminal(request: ExecRequest): { dismiss(): Promise<void>; restore(): void } {
  const saved = request.terminal !== undefined && isOurTerminal(request) ? saveTerminal(TERMINAL_FD) : undefined;
  if (saved === undefined) return { dismiss: () => Promise.resolve(), restore: () => {} };
  const watchdog = startWatchdog(request.id, undefined, saved);
  return { dismiss: () => watchdog.dismiss(), restore: () => restoreTerminal(TERMINAL_FD, saved) };
}
