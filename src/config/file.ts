import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { LxcriError } from '../model/errors.ts';
import { shellWord } from '../values/shell-word.ts';
import type { Entries } from './entries.ts';
import { readKept, keep } from './entry-cache.ts';

/** A configuration is written by hand; what is larger is something else. */
const MAX_BYTES = 1024 ** 2;

/**
 * What a configuration file sets. To understand YAML takes longer than to start; so it is kept, and read from there as
 * long as the file stays the same.
 *
 * @param cacheDirectory where it is kept; nothing is, where that cannot be.
 * @returns `undefined` when there is no such file.
 * @throws LxcriError `ConfigError`
 */
export async function readConfigFile(path: string, cacheDirectory: string): Promise<Entries | undefined> {
  const found = lookAt(path);
  if (found === undefined) return undefined;
  check(path, found);
  const kept = readKept(path, found, cacheDirectory);
  if (kept !== undefined) return kept;
  const { bytes, stats } = readChecked(path);
  const { parseEntries } = await import('./yaml.ts');
  const entries = parseEntries(path, bytes);
  keep(path, stats, entries, cacheDirectory);
  return entries;
}

/**
 * The text of a configuration file, which was checked to be ours.
 *
 * @throws LxcriError `ConfigError`
 */
export function readChecked(path: string): { bytes: Buffer; stats: BigIntStats } {
  let fd: number | undefined;
  try {
    // A named pipe must not hold us: it is found to be none of ours afterwards.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd, { bigint: true });
    check(path, stats);
    return { bytes: readFileSync(fd), stats };
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What is there. A file below something that is no directory, or that the caller may not enter, is not there for him. */
export function lookAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw unreadable(path, error);
  }
}

/** Refuses what is no file of ours: it says what we run as root, and where containers are. */
function check(path: string, stats: BigIntStats): void {
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'is a directory' : 'is not a file';
    throw wrongFile(path, kind, 'put the configuration into a file of this name, or remove it');
  }
  const us = process.geteuid?.() ?? 0;
  if (Number(stats.uid) !== us && stats.uid !== 0n) {
    throw wrongFile(path, `belongs to the user with the id ${stats.uid}`, `run: chown ${us} ${shellWord(path)}`);
  }
  if ((stats.mode & 0o022n) !== 0n)
    throw wrongFile(path, 'can be written by others', `run: chmod go-w ${shellWord(path)}`);
  if (stats.size > MAX_BYTES) throw wrongFile(path, 'is larger than 1 MiB', 'make it shorter');
}

function unreadable(path: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof LxcriError || code === undefined) return error;
  const hint = code === 'EACCES' ? `run this as root, or: chmod a+r ${shellWord(path)}` : 'mend or remove it';
  return wrongFile(path, `cannot be read (${message})`, hint);
}

function wrongFile(path: string, what: string, hint: string): LxcriError {
  return new LxcriError('ConfigError', `${path}: ${what}`, hint);
}
