/** The program as the Debian package installs it, in a folder of the bench. */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { bash } from './run.ts';
import type { Argv } from './run.ts';
import type { Bench } from './subject.ts';

const PACKAGES = resolve(import.meta.dirname, '../../out');

/** What is measured, or why nothing is. */
export type Installed = { readonly exec: Argv } | { readonly absent: string };

/** Unpacks the newest package for this machine, and does what its installation does for the start. */
export function installPackage({ container, scratch }: Bench, command: readonly string[]): Installed {
  const file = newestPackage();
  if (file === undefined) return { absent: 'no package in out/: npm run package' };
  const root = join(scratch, 'installed');
  bash('dpkg-deb --extract "$1" "$2" && cd "$2/usr/lib/proxmox-lxcri" && node/bin/node scripts/build/code-cache.cjs', [
    file,
    root,
  ]);
  return { exec: [join(root, 'usr/bin/proxmox-lxcri'), 'exec', container, '--', ...command] };
}

function newestPackage(): string | undefined {
  const end = process.arch === 'arm64' ? '_arm64.deb' : '_amd64.deb';
  try {
    const files = readdirSync(PACKAGES).filter((name) => name.endsWith(end));
    return files
      .map((name) => join(PACKAGES, name))
      .toSorted((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs)[0];
  } catch {
    return undefined;
  }
}
