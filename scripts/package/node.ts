/** The Node that a package brings along: the one that package-lock.json names, for any kind of machine. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './run.ts';
import type { Target } from './targets.ts';

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
}

/**
 * Fetches npm's package of Node and unpacks it.
 *
 * @param root the project's directory.
 * @param scratch for files of ours.
 * @returns its directory: bin/node, include/node, LICENSE.
 * @throws Error when it cannot be fetched, or is not the one that was locked.
 */
export function unpackNode(root: string, scratch: string, { node }: Target): string {
  const name = `node-linux-${node}`;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`${name} is not in package-lock.json`);
  const directory = join(scratch, name);
  mkdirSync(directory);
  // In the project, whose settings of npm count. It was fetched before, for this machine: then it is in npm's cache.
  const specification = `${name}@${locked.version}`;
  const printed = run(['npm', 'pack', '--prefer-offline', '--json', '--pack-destination', directory, specification], {
    cwd: root,
  });
  const [packed] = JSON.parse(printed) as [{ filename: string }];
  const file = join(directory, packed.filename);
  const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (found !== locked.integrity) throw new Error(`${specification} is ${found}, and not what package-lock.json has`);
  run(['tar', '--extract', '--gzip', '--strip-components=1', '--file', file, '--directory', directory]);
  return directory;
}
