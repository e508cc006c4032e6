import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';

import { LxcriError, isLxcriError } from '../model/errors.ts';
import { lookAt, readChecked } from './file.ts';
import type { Key } from './keys.ts';
import type { Written } from './kinds.ts';
import { makeDirectories } from './paths.ts';

/** A configuration holds no secrets, and everybody may know it. */
const FILE_MODE = 0o644;

/**
 * Sets one key in a configuration file, which is made where there is none. Its comments and other keys stay. A reader sees
 * the old file or the new one, also when the power fails in between.
 *
 * @param path absolute.
 * @throws LxcriError `ConfigError` when the file is wrong as it is, which then stays as it is, or cannot be written.
 */
export async function writeSetting(path: string, key: Key, written: Written): Promise<void> {
  const found = lookAt(path);
  const { withSetting } = await import('./yaml.ts');
  const text = withSetting(path, found === undefined ? Buffer.alloc(0) : readChecked(path).bytes, key, written);
  try {
    if (found === undefined) {
      makeDirectories(dirname(path), 0o755);
      replace(path, text, FILE_MODE);
    } else {
      // Behind a symlink, as tools that manage configurations make them.
      replace(realpathSync(path), text, Number(found.mode) & 0o777, { uid: Number(found.uid), gid: Number(found.gid) });
    }
  } catch (error) {
    if (isLxcriError(error)) throw error;
    throw new LxcriError(
      'ConfigError',
      `${path}: it cannot be written (${(error as Error).message})`,
      'see whether its directory can be written, and has space',
    );
  }
}

/** Puts a new file where the old one is, at once. */
function replace(path: string, text: string, mode: number, owner?: { uid: number; gid: number }): void {
  const directory = dirname(path);
  const made = `${directory}/.${basename(path)}.${process.pid}`;
  // What a process with our id left behind when it was killed.
  rmSync(made, { force: true });
  const fd = openSync(made, 'wx', 0o600);
  try {
    try {
      if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
      fchmodSync(fd, mode);
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw error;
  }
  const directoryFd = openSync(directory, 'r');
  try {
    fsyncSync(directoryFd);
  } finally {
    closeSync(directoryFd);
  }
}
