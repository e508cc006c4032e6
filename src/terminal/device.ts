import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';

import { findExecutable, helperEnvironment } from '../process/executable.ts';
import type { SavedTerminal } from '../process/watchdog.ts';

/**
 * Remembers the settings of the terminal on a descriptor, so that it can be given back as it was on every way out.
 * Node sets raw mode only on terminals that it reads itself, and here another program works on it: `stty` does it.
 *
 * @returns `undefined` when it is no terminal, or `stty` is not there.
 */
export function saveTerminal(fd: number): SavedTerminal | undefined {
  const stty = findExecutable('stty');
  if (stty === undefined) return undefined;
  const { stdout, status } = spawnSync(stty, ['-g'], {
    stdio: [fd, 'pipe', 'ignore'],
    env: helperEnvironment(),
    encoding: 'utf8',
  });
  const settings = stdout?.trim() ?? '';
  if (status !== 0 || !/^[0-9a-f:]+$/.test(settings)) return undefined;
  try {
    return { device: readlinkSync(`/proc/self/fd/${fd}`), settings };
  } catch {
    return undefined;
  }
}

/** Gives the terminal on a descriptor the settings it had. */
export function restoreTerminal(fd: number, saved: SavedTerminal): void {
  const stty = findExecutable('stty');
  if (stty !== undefined)
    spawnSync(stty, [saved.settings], { stdio: [fd, 'ignore', 'ignore'], env: helperEnvironment() });
}

/**
 * Whether what was a terminal when it was opened is gone: its window was closed, or its connection was lost. The kernel
 * says so by SIGHUP to the leader of the session alone, which may pass it on much later, or never; a program that reads
 * the terminal comes to its end at once. From that moment on a pseudo-terminal cannot be opened again (EIO: pty_open in
 * Linux' drivers/tty/pty.c), and a little later its descriptors are none of a terminal any more.
 *
 * @param fd was a terminal's.
 */
export function isHungUp(fd: number): boolean {
  if (!isatty(fd)) return true;
  try {
    closeSync(openSync(`/proc/self/fd/${fd}`, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EIO';
  }
}
