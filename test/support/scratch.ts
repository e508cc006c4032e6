/** Directories that live as long as a run of the tests. */
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { remember } from './ledger.ts';
import { RUN_PREFIX, SCRATCH_PARENT } from './places.ts';

/** A new empty directory, removed at the end of the run; also good as an lxcpath. */
export function scratchDirectory(): string {
  const path = mkdtempSync(join(SCRATCH_PARENT, RUN_PREFIX));
  remember({ type: 'directory', path });
  // The root user of an unprivileged container has to get through to its own files.
  chmodSync(path, 0o755);
  return path;
}
