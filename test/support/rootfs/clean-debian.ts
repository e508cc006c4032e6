/** Debian with LXC and what shows an installed package, and nothing else: what packages are installed in. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mustSync } from '../run.ts';
import { hostMirror } from './debian.ts';
import type { Recipe } from './recipe.ts';

const PACKAGES = ['lxc', 'man-db', 'bash-completion'];
const BUILD_TIMEOUT_MS = 600_000;

export const CLEAN_DEBIANS: readonly Recipe[] = ['bookworm', 'trixie'].map((suite) => ({
  name: `clean-${suite}`,
  sources: [new URL(import.meta.url)],
  build(root) {
    mustSync(
      // The lists of packages are kept: apt must be able to tell that nothing else is needed, without a network.
      [
        'mmdebstrap',
        '--quiet',
        '--variant=minbase',
        '--skip=cleanup/apt/lists',
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
}));
