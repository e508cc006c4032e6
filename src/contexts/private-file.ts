import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';

import { ensurePrivateDirectory } from '../config/paths.ts';
import { replaceFile } from '../config/write.ts';
import { LxcriError } from '../model/errors.ts';
import { shellWord } from '../values/shell-word.ts';

/** A secret, or a ticket, is short; what is larger is something else. */
const MAX_SECRET_BYTES = 65_536;

/**
 * The content of a file that nobody else can read or could have put there: it belongs to us or to root, as its folder
 * does, is no symlink, and has a mode such as 0600.
 *
 * @param path absolute.
 * @param maxBytes a larger one is refused.
 * @returns `undefined` when it is not there.
 * @throws LxcriError `ConfigError`; nothing of the content is in it.
 */
export function readPrivateFile(path: string, maxBytes = MAX_SECRET_BYTES): string | undefined {
  let fd: number;
  try {
    // A named pipe must not hold us.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ELOOP') throw wrong(path, 'is a symlink', 'name the file itself');
    throw wrong(path, `cannot be read (${message})`, 'make it readable for you, and for you only');
  }
  try {
    checkFile(path, fstatSync(fd), maxBytes);
    checkFolder(dirname(path));
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts a file where only we can read it, in place of an older one, at once. Its folder is made where it is missing.
 *
 * @throws LxcriError `ConfigError`
 */
export function writePrivateFile(path: string, content: string): void {
  ensurePrivateDirectory(dirname(path));
  try {
    replaceFile(path, content, 0o600);
  } catch (error) {
    throw wrong(path, `cannot be written (${(error as Error).message})`, 'see whether its folder has space');
  }
}

/**
 * Removes a file.
 *
 * @returns whether it was there.
 */
export function removePrivateFile(path: string): boolean {
  const wasThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  rmSync(path, { force: true });
  return wasThere;
}

function checkFile(path: string, { mode, uid, size }: Stats, maxBytes: number): void {
  const us = process.geteuid?.() ?? 0;
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw wrong(path, 'is not a file', 'name a file');
  if (uid !== us && uid !== 0) {
    throw wrong(path, `belongs to the user with the id ${uid}`, `run: chown ${us} ${shellWord(path)}`);
  }
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    throw wrong(path, `can be read or written by others (mode ${octal})`, `run: chmod 600 ${shellWord(path)}`);
  }
  if (size > maxBytes)
    throw wrong(path, `is larger than ${maxBytes / 1024} KiB`, 'name the file that holds the secret only');
}

/** In a folder that others can write to, a file can be exchanged, unless the folder keeps that to owners (as /tmp). */
function checkFolder(folder: string): void {
  const { mode, uid } = lstatSync(folder);
  const us = process.geteuid?.() ?? 0;
  const isShared = (mode & 0o022) !== 0 && (mode & constants.S_IFMT) === constants.S_IFDIR && (mode & 0o1000) === 0;
  if (isShared) throw wrong(folder, 'can be written by others', `run: chmod go-w ${shellWord(folder)}`);
  if (uid !== us && uid !== 0)
    throw wrong(folder, `belongs to the user with the id ${uid}`, 'keep secrets in a folder of yours');
}

function wrong(path: string, what: string, hint: string): LxcriError {
  return new LxcriError('ConfigError', `${path}: it ${what}`, hint);
}
