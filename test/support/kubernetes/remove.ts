/** Takes away a containerd of the tests and all it has made, also when nobody is left who could be asked to. */
import { existsSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runSync } from '../run.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';
const TIMEOUT_MS = 10_000;

/** The cgroup that everything of the pods is below: it has the name of the directory. */
export function cgroupOf(directory: string): string {
  return `/${basename(directory)}`;
}

/** The pods are found by their cgroup; the programs carry the directory in their command lines. */
export function removeKubernetes(directory: string): void {
  const deadline = Date.now() + TIMEOUT_MS;
  // The programs are looked for again: one that is killed may have just started the next.
  for (let left = Infinity; left > 0; pause(5)) {
    const pids = [...programsOf(directory), ...cgroupsOf(directory).flatMap(processesIn)];
    for (const pid of pids) kill(pid);
    left = pids.length;
    if (left > 0 && Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`);
  }
  for (const cgroup of cgroupsOf(directory)) removeCgroup(cgroup);
  for (const socket of shimSockets(directory)) rmSync(socket, { force: true });
  // The last one first: it may be on top of another.
  for (const place of mountsBelow(directory).toReversed()) runSync(['umount', '--lazy', place]);
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

function programsOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).includes(`${directory}/`))
    .filter((name) => /^[^\0]*(containerd|runc|facade)/.test(read(`/proc/${name}/cmdline`)))
    .map(Number);
}

function cgroupsOf(directory: string): string[] {
  return [CGROUP_ROOT, ...subdirectories(CGROUP_ROOT)]
    .map((hierarchy) => join(hierarchy, cgroupOf(directory)))
    .filter((path) => existsSync(path));
}

function processesIn(cgroup: string): number[] {
  const own = read(join(cgroup, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return [...own, ...subdirectories(cgroup).flatMap(processesIn)];
}

function removeCgroup(path: string): void {
  for (const child of subdirectories(path)) removeCgroup(child);
  try {
    rmdirSync(path);
  } catch {
    // Gone by itself.
  }
}

/** Those of the programs that watch over one pod each; containerd has one place for them on every host. */
function shimSockets(directory: string): string[] {
  const tasks = join(directory, 'state/io.containerd.runtime.v2.task/k8s.io');
  return subdirectories(tasks)
    .map((task) => read(join(task, 'address')).trim())
    .filter((address) => address.startsWith('unix:///run/containerd/s/'))
    .map((address) => address.slice('unix://'.length));
}

function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${directory}/`));
}

function subdirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
