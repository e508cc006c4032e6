/** The Debian packages whose programs the demo uses. */
import { spawnSync } from 'node:child_process';

import { findExecutable } from '../../src/process/executable.ts';

/**
 * Programs, not packages, are looked for: a Proxmox node has LXC from a package of its own, which Debian's would replace,
 * and any busybox will do.
 */
const PACKAGE_OF = { 'lxc-start': 'lxc', 'lxc-attach': 'lxc', busybox: 'busybox-static' };

export function missingPackages(): string[] {
  const missing = Object.entries(PACKAGE_OF).filter(([program]) => findExecutable(program) === undefined);
  return [...new Set(missing.map(([, name]) => name))];
}

/** @throws Error when apt-get fails; what it has to say is on the screen then. */
export function install(packages: readonly string[]): void {
  aptGet('update', '-q');
  aptGet('install', '-q', '-y', '--no-install-recommends', ...packages);
}

function aptGet(...args: string[]): void {
  const { status, error } = spawnSync('apt-get', args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) throw new Error(`apt-get ${args[0]} failed${error === undefined ? '' : `: ${error.message}`}`);
}
