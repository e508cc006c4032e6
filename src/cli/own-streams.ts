/** This process's own standard streams, for a command that gets them. */
import { fstatSync } from 'node:fs';
import { Readable } from 'node:stream';
import { isatty } from 'node:tty';

import { readProcess } from '../process/proc.ts';
import { standardInput } from '../process/standard-streams.ts';
import type { Input } from '../oci/stdio.ts';

/** Our standard input, where there is one to read: a terminal, a pipe, a socket or a file. */
export function ownInput(withTerminal: boolean): Input {
  try {
    if (isatty(0) && !withTerminal && !inForeground()) return 'none';
    fstatSync(0);
  } catch {
    return 'none';
  }
  return { fd: 0, stream: () => inputStream(withTerminal) };
}

/** Reading a terminal from the background would stop us. */
function inForeground(): boolean {
  const { group, foregroundGroup } = readProcess(process.pid) ?? { group: 0, foregroundGroup: 0 };
  return group === foregroundGroup;
}

/** Merely to look at `process.stdin` costs 2 ms. */
let endRawMode = (): void => {};

/** Ends raw mode; without effect where we did not set it. */
export function restoreOwnInput(): void {
  endRawMode();
}

/** The device of /dev/null (null(4): 1, 3), as cron and scripts give it. */
const NULL_DEVICE = 0x103;

function inputStream(withTerminal: boolean): Readable {
  // Node would load 3 ms of streams, and start threads, to read nothing from it.
  if (fstatSync(0).rdev === NULL_DEVICE) return Readable.from([]);
  const { stdin } = process;
  // With a terminal of the container's own, this one must not act on what is typed.
  if (withTerminal && stdin.isTTY) {
    stdin.setRawMode(true);
    endRawMode = () => stdin.setRawMode(false);
  }
  return standardInput();
}
