/** Takes away an engine of the tests and all it has made, also when nobody is left who could be asked to. */
import { globSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { childrenOf } from '../../../src/process/proc.ts';
import { cgroupsNamed, processesIn, removeCgroup } from '../cgroups.ts';
import { killIfThere } from '../proc.ts';
import { runSync } from '../run.ts';
import { pause } from '../wait-for.ts';

const TIMEOUT_MS = 10_000;

/** The cgroup that all containers are below: it has the name of the directory. */
export function cgroupOf(directory: string): string {
  return `/${basename(directory)}`;
}

/** Its programs carry its directory in their command lines: dockerd, containerd, and a shim for each container. */
export function removeEngine(directory: string): void {
  // Twice: a container may just be starting.
  for (let round = 0; round < 2; round++) {
    for (const pid of programsOf(directory)) {
      const children = childrenOf(pid);
      killIfThere(pid);
      // The processes that lead containers; the kernel ends the others with them.
      for (const child of children) killIfThere(child);
    }
  }
  for (const socket of shimSockets(directory)) rmSync(socket, { force: true });
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${directory}/`));
  // The last one first: it may be on top of another.
  for (const place of mounts.toReversed()) runSync(['umount', '--lazy', place]);
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  removeCgroups(basename(directory));
}

/** Whose programs were killed leaves its cgroups behind, and may leave processes in them. */
function removeCgroups(name: string): void {
  const cgroups = cgroupsNamed(name);
  const deadline = Date.now() + TIMEOUT_MS;
  for (let left = cgroups.flatMap(processesIn); left.length > 0; left = cgroups.flatMap(processesIn)) {
    if (Date.now() > deadline) throw new Error(`processes ${left.join(', ')} of ${name} do not end`);
    for (const pid of left) killIfThere(pid);
    pause(5);
  }
  for (const cgroup of cgroups) removeCgroup(cgroup);
}

/** Those of the programs that watch over one container each: every containerd has them in one place of the host. */
function shimSockets(directory: string): string[] {
  return globSync('{state,exec/containerd/daemon}/io.containerd.runtime.v2.task/*/*/address', { cwd: directory })
    .map((file) => read(join(directory, file)).trim())
    .filter((address) => address.startsWith('unix:///run/containerd/s/'))
    .map((address) => address.slice('unix://'.length));
}

function programsOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).includes(`${directory}/`))
    .filter((name) => /^[^\0]*(dockerd|containerd|podman|conmon|kubernetes-facade)/.test(read(`/proc/${name}/cmdline`)))
    .map(Number);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
