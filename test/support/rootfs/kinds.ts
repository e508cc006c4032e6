/** The kinds of containers the tests run in: which files, which init, what LXC must be told about them. */
import { alpineLike, busybox, noShell } from './busybox.ts';
import { debian } from './debian.ts';
import type { Recipe } from './recipe.ts';

export interface KindSpec {
  recipe: Recipe;
  /** Lines for the LXC configuration. */
  config: readonly string[];
  /** Run inside after the start until its output matches; without it, a started container is a ready one. */
  ready?: { command: readonly [string, ...string[]]; output: RegExp };
}

const BUSYBOX_INIT = ['lxc.init.cmd = /sbin/init', 'lxc.signal.halt = SIGUSR2'];

const SPECS = {
  /** Everything busybox has; the fastest to start. */
  busybox: { recipe: busybox, config: BUSYBOX_INIT },
  /** What a small Alpine container has: busybox's ash as /bin/sh, no bash, no coreutils, no setpriv. */
  'alpine-like': { recipe: alpineLike, config: BUSYBOX_INIT },
  /** Debian 12 with bash and coreutils, and an init that does nothing but reap. */
  debian: { recipe: debian, config: ['lxc.init.cmd = /usr/local/sbin/reaper'] },
  /** The same files, booted by systemd. */
  systemd: {
    recipe: debian,
    // systemd needs its cgroups, on hybrid hosts those of v1 too. SIGRTMIN+3 tells it to power off.
    config: ['lxc.init.cmd = /sbin/init', 'lxc.mount.auto = cgroup:mixed', 'lxc.signal.halt = SIGRTMIN+3'],
    ready: { command: ['systemctl', 'is-system-running'], output: /^(running|degraded)$/m },
  },
  /** A few static programs and no shell at all, as in a "distroless" image. */
  noshell: { recipe: noShell, config: BUSYBOX_INIT },
} satisfies Record<string, KindSpec>;

export type Kind = keyof typeof SPECS;

export const KINDS = Object.keys(SPECS) as Kind[];

export function kindSpec(kind: Kind): KindSpec {
  return SPECS[kind];
}
