/** The program as it is installed: one directory with everything that runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { copy, filesBelow, put } from './files.ts';
import { putNodePty } from './node-pty.ts';
import { run } from './run.ts';
import type { Target } from './targets.ts';

/** What of the program may be executed, from its directory. */
export const EXECUTABLES = ['bin/proxmox-lxcri', 'node/bin/node', 'dist/guest-agent/init'];

/**
 * What may not be there at run time: caches are made by the installation, the library is for npm, and the licences of the
 * guest agent's modules and of what is bundled are with all others.
 */
const NOT_OF_THE_PROGRAM = /\.cache$|^types\/|^index\.|^(guest-agent\/)?third-party|^bundled\.json$/;

/** The fields of package.json that are read at run time. */
const FIELDS = ['name', 'version', 'description', 'license', 'type', 'bin', 'oclif'];

/**
 * Writes the program.
 *
 * @param root the project's directory, built.
 * @param nodeDirectory of npm's package of Node.
 * @param to the directory of the program.
 */
export function putProgram(root: string, nodeDirectory: string, to: string, target: Target): void {
  copy(join(root, 'bin/proxmox-lxcri'), join(to, 'bin/proxmox-lxcri'));
  for (const file of filesBelow(join(root, 'dist')).filter((name) => !NOT_OF_THE_PROGRAM.test(name)))
    copy(join(root, 'dist', file), join(to, 'dist', file));
  copy(join(root, 'scripts/build/code-cache.cjs'), join(to, 'scripts/build/code-cache.cjs'));
  copy(join(root, 'oclif.manifest.json'), join(to, 'oclif.manifest.json'));
  const all = Object.entries(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object);
  const kept = Object.fromEntries(all.filter(([name]) => FIELDS.includes(name)));
  put(join(to, 'package.json'), `${JSON.stringify(kept, null, 2)}\n`);
  copy(join(nodeDirectory, 'bin/node'), join(to, 'node/bin/node'));
  run([`${target.triplet}-strip`, '--strip-unneeded', join(to, 'node/bin/node')]);
  putNodePty(root, nodeDirectory, join(to, 'node_modules/node-pty'), target);
}
