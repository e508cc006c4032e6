import { isatty } from 'node:tty';

import type { ExecRequest } from '../../model/request.ts';

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
