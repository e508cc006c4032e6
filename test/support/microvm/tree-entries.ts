/** What is in a directory of the host, for an archive of a guest. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { type CpioEntry, DIRECTORY, FILE } from '../../../src/guest-agent/cpio.ts';

const LINK = 0o120000;

/**
 * All that is in a directory: its files, directories and symbolic links, with their modes and owners.
 *
 * @param at the directory of the archive that they go to, which is no entry itself; '' is the root.
 */
export function* treeEntries(directory: string, at = ''): Generator<CpioEntry> {
  for (const name of readdirSync(directory).toSorted()) {
    const source = join(directory, name);
    const { mode, uid, gid } = lstatSync(source);
    const entry = { path: join(at, name), mode, uid, gid };
    const type = mode & 0o170000;
    if (type === DIRECTORY) {
      yield entry;
      yield* treeEntries(source, entry.path);
    } else if (type === FILE) {
      yield { ...entry, content: readFileSync(source) };
    } else if (type === LINK) {
      yield { ...entry, content: readlinkSync(source) };
    } else {
      throw new Error(`${source} is nothing that a test's guest needs`);
    }
  }
}
