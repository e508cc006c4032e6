/** A root file system that is nothing but the host's busybox: made in a moment, without a network. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';

const DIRECTORIES = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp'];

/**
 * Fills an empty directory.
 *
 * @throws Error when there is no busybox on this host.
 */
export function makeBusyboxRoot(root: string): void {
  const busybox = findExecutable('busybox');
  if (busybox === undefined) throw new Error('there is no busybox on this host');
  for (const directory of DIRECTORIES) mkdirSync(join(root, directory), { recursive: true });
  // Those that come from a umask would keep the container's users out.
  chmodSync(root, 0o755);
  chmodSync(join(root, 'tmp'), 0o1777);
  cpSync(busybox, join(root, 'bin/busybox'));
  for (const library of librariesOf(busybox)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(library, join(root, library), { dereference: true });
  }
  for (const applet of linesOf(busybox, '--list').filter((name) => name !== 'busybox')) {
    const directory = applet === 'init' ? 'sbin' : 'bin';
    symlinkSync('/bin/busybox', join(root, directory, applet));
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnobody:x:65534:\n');
  // Without anything to do, busybox's init would ask for gettys.
  writeFileSync(join(root, 'etc/inittab'), '::sysinit:/bin/true\n');
}

/** A Proxmox node has the busybox that needs shared libraries; `ldd` fails for the static one. */
function librariesOf(program: string): string[] {
  return linesOf('ldd', program).flatMap((line) => /(?:^|\s)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

function linesOf(file: string, ...args: string[]): string[] {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout.split('\n').filter((line) => line !== '') : [];
}
