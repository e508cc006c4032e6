/** What a guest boots from: a small system of busybox, the kernel's modules for vsock, and an agent. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { cpio, type CpioEntry, DIRECTORY, FILE } from '../../../src/guest-agent/cpio.ts';
import { rootfsOf } from '../rootfs/cache.ts';
import { treeEntries } from './tree-entries.ts';

export interface GuestContents {
  /** The program of the host that the guest runs as its agent; static. */
  agent: string;
  args?: readonly string[];
  /** A further program of the host, which runs beside the agent; static. */
  beside?: string;
  /** Further files by their absolute paths in the guest, and what they hold; all may execute them. */
  files?: Record<string, string | Buffer>;
  /**
   * Directories of the host that are copied into the guest, by their absolute paths there. What they have of `proc`,
   * `sys` and `dev` is mounted, so that a root file system can be a root there.
   */
  trees?: Record<string, string>;
}

/** What the kernel runs first. */
export const GUEST_INIT = '/etc/microvm/init';

/** Says in the guest's log that the agent has ended. */
export const AGENT_ENDED = 'microvm: the agent ended with';

const AGENT = '/usr/local/bin/agent';
const BESIDE = '/usr/local/bin/beside';
const START_AGENT = '/etc/microvm/start-agent';
const MODULES = '/usr/lib/uml/modules';

/** In the order in which they need each other. */
const VSOCK_MODULES = ['vsock', 'vmw_vsock_virtio_transport_common', 'vmw_vsock_virtio_transport', 'vsock_loopback'];

/** @param roots directories that are to be like roots of their own. */
const init = (roots: readonly string[]): string => `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
for module in /lib/modules/*.ko; do insmod $module; done
for root in ${roots.map((root) => quoted(root)).join(' ')}; do
  for each in proc sys dev; do
    if test -d "$root/$each"; then mount -o rbind /$each "$root/$each"; fi
  done
done
exec /sbin/init
`;

/** busybox's init reaps orphans, and starts each once. */
const inittab = (programs: readonly string[]): string => programs.map((program) => `::once:${program}\n`).join('');

/** An initramfs. The guest's users are those of the tests' containers, as is what is in its `/bin`. */
export function initramfs({ agent, args = [], beside, files = {}, trees = {} }: GuestContents): Buffer {
  const words = [AGENT, ...args].map((word) => quoted(word)).join(' ');
  const modules = vsockModules().map((path, index): [string, Buffer] => [
    `/lib/modules/${index}.ko`,
    readFileSync(path),
  ]);
  const contents: Record<string, string | Buffer> = {
    [GUEST_INIT]: init(Object.keys(trees)),
    '/etc/inittab': inittab([START_AGENT, ...(beside === undefined ? [] : [BESIDE])]),
    [START_AGENT]: `#!/bin/sh\n${words}\necho "${AGENT_ENDED} $?"\n`,
    [AGENT]: readFileSync(agent),
    ...(beside === undefined ? {} : { [BESIDE]: readFileSync(beside) }),
    ...Object.fromEntries(modules),
    ...files,
  };
  const entries = new Map<string, CpioEntry>();
  // The first one makes the directory, a later one takes the place of a file.
  const add = (entry: CpioEntry): void => void entries.set(entry.path, entry);
  for (const entry of treeEntries(rootfsOf('busybox'))) add(entry);
  for (const [path, directory] of Object.entries(trees)) {
    for (const parent of [...parentsOf(path), path.slice(1)]) addDirectory(entries, parent);
    for (const entry of treeEntries(directory, path.slice(1))) add(entry);
  }
  for (const [path, content] of Object.entries(contents)) {
    for (const parent of parentsOf(path)) addDirectory(entries, parent);
    add({ path: path.slice(1), mode: FILE | 0o755, content });
  }
  return cpio(entries.values());
}

/** As one word of a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function addDirectory(entries: Map<string, CpioEntry>, path: string): void {
  if (!entries.has(path)) entries.set(path, { path, mode: DIRECTORY | 0o755 });
}

/** From the outermost one on. */
function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let parent = dirname(path.slice(1)); parent !== '.'; parent = dirname(parent)) parents.unshift(parent);
  return parents;
}

/**
 * The entries of an initramfs as distributions make them: a small system, and the modules for vsock where `modprobe` finds
 * them.
 */
export function* plainSystem(): Generator<CpioEntry> {
  yield* treeEntries(rootfsOf('busybox'));
  for (const path of ['lib', 'lib/modules']) yield { path, mode: DIRECTORY | 0o755 };
  const release = moduleRelease();
  let above = 'lib/modules';
  for (const name of [release, 'kernel', 'net', 'vmw_vsock']) {
    above = join(above, name);
    yield { path: above, mode: DIRECTORY | 0o755 };
  }
  const names = ['modules.dep', ...vsockModules().map((path) => relative(join(MODULES, release), path))];
  for (const name of names) {
    const content = readFileSync(join(MODULES, release, name));
    yield { path: join('lib/modules', release, name), mode: FILE | 0o644, content };
  }
}

/** The kernel's, as `uname -r` says it in a guest. */
function moduleRelease(): string {
  const [release] = readdirSync(MODULES);
  if (release === undefined) throw new Error(`there are no modules in ${MODULES}`);
  return release;
}

/** The files of those modules that are not built into the kernel. */
function vsockModules(): string[] {
  const directory = join(MODULES, moduleRelease(), 'kernel/net/vmw_vsock');
  return VSOCK_MODULES.map((name) => join(directory, `${name}.ko`)).filter((path) => existsSync(path));
}
