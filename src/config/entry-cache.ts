/**
 * What configuration files set, kept in a form that is read at once. An entry holds for exactly the file it was made
 * from: another inode, size, or time of change makes it worthless.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { writeCacheFile } from './cache-file.ts';
import type { Entries, Entry } from './entries.ts';
import { isKey, keySpec } from './keys.ts';
import type { Key } from './keys.ts';
import { KINDS } from './kinds.ts';

/** The form of what is kept; another one is not understood. */
const FORMAT = 1;

/** A file that changed this recently may change again without a new time: the kernel's clock has a coarse step. */
const SETTLED_MS = 1000;

interface Kept {
  readonly format: number;
  readonly stamp: string;
  readonly entries: Record<string, Entry>;
}

/** What is kept of this state of the file; `undefined` where nothing is, or it cannot be trusted. */
export function readKept(path: string, stats: BigIntStats, cacheDirectory: string): Entries | undefined {
  try {
    const us = process.geteuid?.();
    const directory = lstatSync(cacheDirectory);
    if (!directory.isDirectory() || directory.uid !== us || (directory.mode & 0o022) !== 0) return undefined;
    const { format, stamp, entries } = JSON.parse(readOwn(placeOf(path, cacheDirectory), us)) as Kept;
    if (format !== FORMAT || stamp !== stampOf(stats)) return undefined;
    return new Map(Object.entries(entries).map(([key, entry]) => [checkedKey(key, entry), entry]));
  } catch {
    return undefined;
  }
}

/** Keeps what a file sets, where that is possible; where not, the next one takes longer. */
export function keep(path: string, stats: BigIntStats, entries: Entries, cacheDirectory: string): void {
  if (Date.now() - Number(stats.ctimeMs) < SETTLED_MS) return;
  const kept: Kept = { format: FORMAT, stamp: stampOf(stats), entries: Object.fromEntries(entries) };
  writeCacheFile(placeOf(path, cacheDirectory), JSON.stringify(kept));
}

/** The name of the configuration file is part of ours; one too long for that is not kept. */
function placeOf(path: string, cacheDirectory: string): string {
  return `${cacheDirectory}/config-${encodeURIComponent(path)}.json`;
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join('-');
}

function readOwn(place: string, us: number | undefined): string {
  const fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (!found.isFile() || found.uid !== us || (found.mode & 0o077) !== 0) throw new Error('not ours');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Another version of ours may have other rules: then the file is read again, and what is wrong is told. */
function checkedKey(key: string, { written, line }: Entry): Key {
  if (!isKey(key) || !Number.isInteger(line)) throw new Error('not understood');
  KINDS[keySpec(key).kind].read(written);
  return key;
}
