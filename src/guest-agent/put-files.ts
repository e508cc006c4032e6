/** New files in a directory of the user's: each whole or not at all, and never through a symbolic link. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { LxcriError, isLxcriError } from '../model/errors.ts';
import { shellWord } from '../values/shell-word.ts';

export interface NewFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

/**
 * Puts files into a directory, which is made where it is missing. Without `replace` it is all of them or none, and nothing
 * that is there is touched.
 *
 * @param directory absolute.
 * @param replace what is there, symbolic links themselves too.
 * @throws LxcriError `UsageError` where something is in the way, `PermissionDenied`, `OperationFailed`
 */
export function putFiles(directory: string, files: readonly NewFile[], replace: boolean): void {
  const undo: (() => void)[] = [];
  try {
    refuseUnlessFree(
      directory,
      files.map(({ name }) => name),
      replace,
    );
    if (provideDirectory(directory)) undo.push(() => rmdirSync(directory));
    const written = files.map(({ name, mode, content }) => {
      const path = join(directory, `.${name}.${randomBytes(6).toString('hex')}`);
      const fd = openSync(path, 'wx', 0o600);
      undo.push(() => rmSync(path, { force: true }));
      try {
        writeFileSync(fd, content);
        fchmodSync(fd, mode);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      return { path, target: join(directory, name) };
    });
    for (const { path, target } of written) {
      if (replace) renameSync(path, target);
      else {
        // Unlike a rename, it never takes the place of what somebody has put there meanwhile.
        linkSync(path, target);
        undo.push(() => rmSync(target, { force: true }));
        rmSync(path);
      }
    }
    settle(directory);
  } catch (error) {
    for (const step of undo.toReversed()) attempt(step);
    throw isLxcriError(error) ? error : asOwn(error as NodeJS.ErrnoException, directory);
  }
}

/**
 * Refuses a directory that {@link putFiles} would refuse, before the files are made.
 *
 * @throws LxcriError `UsageError`
 */
export function refuseUnlessFree(directory: string, names: readonly string[], replace: boolean): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found !== undefined) {
    if (!found.isDirectory())
      throw new LxcriError('UsageError', `${directory} is not a directory`, 'name a directory for the files');
    for (const name of names) refuseWhatIsThere(join(directory, name), replace);
    return;
  }
  const above = dirname(directory);
  if (statSync(above, { throwIfNoEntry: false }) === undefined)
    throw new LxcriError('UsageError', `there is no directory ${above}`, `make it first: mkdir -p ${shellWord(above)}`);
}

/** @returns whether it was made. */
function provideDirectory(directory: string): boolean {
  if (existsSync(directory)) return false;
  mkdirSync(directory);
  return true;
}

function refuseWhatIsThere(path: string, replace: boolean): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || (replace && !found.isDirectory())) return;
  throw found.isDirectory()
    ? new LxcriError('UsageError', `${path} is a directory`, 'name another directory, or move it out of the way')
    : new LxcriError('UsageError', `${path} is there already`, 'name another directory, or replace it with --force');
}

/** The names are to outlast a loss of power, as the files do. */
function settle(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // The first error is the one to be told.
  }
}

function asOwn(error: NodeJS.ErrnoException, directory: string): LxcriError {
  const { code, message } = error;
  const text = `${directory}: nothing can be written there (${message})`;
  if (code === 'EACCES' || code === 'EROFS')
    return new LxcriError('PermissionDenied', text, 'name a directory that you may write to', { cause: error });
  if (code === 'EEXIST')
    return new LxcriError('UsageError', text, 'somebody else has just written it; replace it with --force');
  // What FAT and others answer to a second name of a file.
  if (code === 'EPERM' || code === 'ENOTSUP')
    return new LxcriError('OperationFailed', text, 'where a file system has no hard links: use --force');
  return new LxcriError('OperationFailed', text, 'see whether it has space', { cause: error });
}
