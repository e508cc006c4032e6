/** The files of a package: the same bytes, modes, owners and times wherever and whenever it is made. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Writes a file, and makes the directories above it. */
export function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Copies a file or a whole directory, and makes the directories above it. */
export function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (lstatSync(from).isDirectory()) cpSync(from, to, { recursive: true });
  else copyFileSync(from, to);
}

/** Writes a file compressed; Node's gzip names no file and no time. */
export function putGzip(path: string, content: string): void {
  put(path, gzipSync(content, { level: 9 }));
}

/** The paths of all files below a directory, from there, in one order everywhere. */
export function filesBelow(directory: string, below = ''): string[] {
  const entries = readdirSync(join(directory, below), { withFileTypes: true });
  return entries
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      return entry.isDirectory() ? filesBelow(directory, path) : [path];
    });
}

/**
 * Gives everything below a directory fixed modes and one time.
 *
 * @param executables what may be executed, by its path from there.
 * @param time in seconds since 1970.
 */
export function settle(directory: string, executables: readonly string[], time: number): void {
  const visit = (below: string): void => {
    const path = join(directory, below);
    const stat = lstatSync(path);
    if (stat.isDirectory()) for (const name of readdirSync(path)) visit(join(below, name));
    if (!stat.isSymbolicLink()) chmodSync(path, stat.isDirectory() || executables.includes(below) ? 0o755 : 0o644);
    lutimesSync(path, time, time);
  };
  visit('');
}
