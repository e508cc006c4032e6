import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { ensurePrivateDirectory } from './paths.ts';

/**
 * Puts a file that can be made again where only we can read it, at once, and its folder where that is missing. Where that
 * cannot be, there is none; nothing waits for the disk.
 */
export function writeCacheFile(path: string, text: string): void {
  const made = `${path}.${process.pid}`;
  try {
    ensurePrivateDirectory(dirname(path));
    try {
      writeFileSync(made, text, { mode: 0o600, flag: 'wx' });
      renameSync(made, path);
    } catch {
      rmSync(made, { force: true });
    }
  } catch {
    // It is made again the next time, and that works too.
  }
}
