/** Where the test support keeps things outside the project's tree. */

/** What is dear to make (root file systems) and the book of running tests. May be deleted when no test runs. */
export const CACHE_DIRECTORY = '/var/cache/proxmox-lxcri-test';

/** For directories that live as long as a run. Not /tmp: that may be a small tmpfs, or private to us. */
export const SCRATCH_PARENT = '/var/tmp';

/** LXC's own default; a container there needs no `-P`. */
export const DEFAULT_LXCPATH = '/var/lib/lxc';

/** What every name of ours on the host starts with, so that a human sees whose it is. */
export const RUN_PREFIX = `plx-${process.pid}-`;
