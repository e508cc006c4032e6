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
 * Sets one key in a configuration file, which is made where there is none. Its comments and other keys stay.
 *
 * @param path absolute.
 * @throws LxcriError `ConfigError` when the file is wrong as it is, which then stays as it is, or cannot be written.
 */
export async function writeSetting(path: string, key: Key, written: Written): Promise<void> {
  const { withSetting } = await import('./yaml.ts');
  changeFile(path, FILE_MODE, (bytes) => withSetting(path, bytes, key, written));
}

/**
 * Changes a configuration file, which is made where there is none. A reader sees the old file or the new one, also when
 * the power fails in between.
 *
 * @param path absolute.
 * @param mode of a new file.
 * @param change gives the new text for the bytes that are there; for a new file, for none.
 * @throws LxcriError `ConfigError` when it cannot be read or written.
 */
export function changeFile(path: string, mode: number, change: (bytes: Uint8Array) => string): void {
  const found = lookAt(path);
  const old = found === undefined ? Buffer.alloc(0) : readChecked(path).bytes;
  const text = change(old);
  if (old.equals(Buffer.from(text))) return;
  try {
    if (found === undefined) {
      makeDirectories(dirname(path), 0o755);
      replaceFile(path, text, mode);
    } else {
      // Behind a symlink, as tools that manage configurations make them.
      const owner = { uid: Number(found.uid), gid: Number(found.gid) };
      replaceFile(realpathSync(path), text, Number(found.mode) & 0o777, owner);
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
export function replaceFile(path: string, text: string, mode: number, owner?: { uid: number; gid: number }): void {
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
