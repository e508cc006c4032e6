import { writeSync } from 'node:fs';

import type { ErrorInfo } from '../model/errors.ts';
import { sanitize } from '../terminal/sanitize.ts';

const STDERR = 2;

/** Writes one line of ours to standard error: stdout belongs to the command. */
export function say(text: string): void {
  const line = Buffer.from(`proxmox-lxcri: ${sanitize(text)}\n`);
  for (let written = 0; written < line.length; ) {
    try {
      written += writeSync(STDERR, line, written);
    } catch (error) {
      // A full pipe that somebody made non-blocking empties; a closed one has no reader to tell.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
  }
}

/** Reports an error: its code, what is wrong, and what to do next, on one line. */
export function sayError({ code, message, hint }: ErrorInfo): void {
  say(`${code}: ${message}${hint === undefined ? '' : `; ${hint}`}`);
}
