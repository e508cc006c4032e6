/** Debian with LXC and what shows an installed package, and nothing else: what packages are installed in. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mustSync } from '../run.ts';
import { PATIENTLY, hostMirror } from './debian.ts';
import type { Recipe } from './recipe.ts';

const PACKAGES = ['lxc', 'man-db', 'bash-completion'];
const BUILD_TIMEOUT_MS = 600_000;

/** What only takes time: nothing reads the translations, the index of all manuals, or the disk after a crash. */
const QUICKLY = [
  '--dpkgopt=force-unsafe-io',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--essential-hook=echo man-db man-db/auto-update boolean false | chroot "$1" debconf-set-selections',
];

/** A Debian that the package is tested in. */
export interface CleanDebian {
  readonly recipe: Recipe;
  /** Whether the tests fail where it cannot be made. The mirror of a Debian 12 need not have Debian 13. */
  readonly needed: boolean;
}

export const CLEAN_DEBIANS: readonly CleanDebian[] = [
  { recipe: cleanDebian('bookworm'), needed: true },
  { recipe: cleanDebian('trixie'), needed: false },
];

function cleanDebian(suite: string): Recipe {
  return {
    name: `clean-${suite}`,
    sources: [new URL(import.meta.url)],
    build(root) {
      mustSync(
        [
          'mmdebstrap',
          '--quiet',
          '--variant=minbase',
          // The lists of packages are kept: apt must be able to tell that nothing else is needed, without a network.
          '--skip=cleanup/apt/lists',
          ...QUICKLY,
          ...PATIENTLY,
          `--include=${PACKAGES.join(',')}`,
          suite,
          root,
          ...hostMirror(),
        ],
        { timeoutMs: BUILD_TIMEOUT_MS },
      );
      // No service is started by an installation in a root that is not booted.
      const policy = join(root, 'usr/sbin/policy-rc.d');
      writeFileSync(policy, '#!/bin/sh\nexit 101\n');
      chmodSync(policy, 0o755);
      writeFileSync(join(root, 'etc/apt/apt.conf.d/90no-recommends'), 'APT::Install-Recommends "false";\n');
      rmSync(join(root, 'etc/resolv.conf'), { force: true });
    },
  };
}
