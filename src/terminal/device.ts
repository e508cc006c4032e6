import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

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
