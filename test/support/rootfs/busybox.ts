/** The root file systems made of one static busybox. */
import { chmodSync, chownSync, cpSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mustSync } from '../run.ts';
import type { Recipe } from './recipe.ts';
import { APP, writeUsers } from './users.ts';

const HOST_BUSYBOX = '/bin/busybox';
const SOURCES = [new URL(import.meta.url), new URL('users.ts', import.meta.url)];

export const busybox: Recipe = {
  name: 'busybox',
  sources: SOURCES,
  build(root) {
    makeSkeleton(root, '/bin/sh');
    installBusybox(root, () => true);
  },
};

export const alpineLike: Recipe = {
  name: 'alpine-like',
  sources: SOURCES,
  build(root) {
    makeSkeleton(root, '/bin/sh');
    installBusybox(root, (applet) => applet !== 'setpriv');
    forgetApplet(join(root, 'bin/busybox'), 'setpriv');
  },
};

export const noShell: Recipe = {
  name: 'noshell',
  sources: SOURCES,
  build(root) {
    makeSkeleton(root, '/sbin/nologin');
    // busybox does what it is called, so under these names it is just these programs.
    const init = join(root, 'sbin/init');
    cpSync(HOST_BUSYBOX, init);
    forgetItself(init);
    for (const applet of ['sleep', 'env', 'printf', 'true', 'false', 'cat', 'id']) {
      linkSync(init, join(root, 'bin', applet));
    }
  },
};

function makeSkeleton(root: string, shell: string): void {
  for (const directory of ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'dev', 'etc', 'proc', 'run', 'sys', 'root', 'tmp']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  chmodSync(join(root, 'root'), 0o700);
  chmodSync(join(root, 'tmp'), 0o1777);
  writeUsers(root, shell);
  chownSync(join(root, 'home/app'), APP.uid, APP.gid);
  // busybox's init reaps orphans. It wants something to do, or it would ask for gettys; this needs no shell.
  writeFileSync(join(root, 'etc/inittab'), '::sysinit:/bin/true\n');
}

function installBusybox(root: string, wanted: (applet: string) => boolean): void {
  cpSync(HOST_BUSYBOX, join(root, 'bin/busybox'));
  const applets = mustSync([HOST_BUSYBOX, '--list-full']).stdout.trim().split('\n');
  for (const path of applets) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name !== 'busybox' && name !== 'linuxrc' && wanted(name)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync('/bin/busybox', join(root, path));
    }
  }
}

/**
 * The shell of Debian's busybox runs applets without a look at the file system, so a missing link alone hides nothing
 * from `sh -c setpriv`. The table of names is sorted and searched: the new name has to sort like the old one.
 */
function forgetApplet(binary: string, applet: string): void {
  patch(binary, `\0${applet}\0`, `\0${applet.slice(0, -1)}~\0`);
}

/** And `env sh` starts busybox again, by this path, to be a shell; when that fails it looks into PATH as others do. */
function forgetItself(binary: string): void {
  patch(binary, '\0/proc/self/exe\0', '\0/proc/self/no/\0');
}

function patch(binary: string, from: string, to: string): void {
  const bytes = readFileSync(binary);
  const at = bytes.indexOf(from);
  if (at < 0) {
    throw new Error(`${binary} holds no ${JSON.stringify(from)}: this busybox needs another way to be cut down`);
  }
  bytes.write(to, at, 'latin1');
  writeFileSync(binary, bytes);
}
