/** Gives a tree to the ids of a user namespace. */
import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Ids 0-65535 inside are 100000-165535 on the host, as in an unprivileged container of Proxmox. */
export const ID_BASE = 100_000;
export const ID_COUNT = 65_536;

export function shiftOwners(root: string): void {
  // A file with several names must be moved once only.
  const seen = new Set<number>();
  const visit = (path: string): void => {
    const stat = lstatSync(path);
    if (!seen.has(stat.ino)) {
      seen.add(stat.ino);
      lchownSync(path, stat.uid + ID_BASE, stat.gid + ID_BASE);
      if (!stat.isSymbolicLink()) {
        // The change of owner took the set-user-id and set-group-id bits away.
        chmodSync(path, stat.mode & 0o7777);
      }
    }
    if (stat.isDirectory()) {
      for (const name of readdirSync(path)) {
        visit(join(path, name));
      }
    }
  };
  visit(root);
}
