/** Takes away a containerd of the tests and all it has made, also when nobody is left who could be asked to. */
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { removeEngine } from '../docker/remove.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';
const TIMEOUT_MS = 10_000;

/** The cgroup that all pods are below: it has the name of the directory. */
export function cgroupOf(directory: string): string {
  return `/${basename(directory)}`;
}

export function removeKubernetes(directory: string): void {
  removeEngine(directory);
  const cgroups = cgroupsOf(directory);
  const deadline = Date.now() + TIMEOUT_MS;
  for (let left = cgroups.flatMap(processesIn); left.length > 0; left = cgroups.flatMap(processesIn)) {
    if (Date.now() > deadline) throw new Error(`processes ${left.join(', ')} of ${directory} do not end`);
    for (const pid of left) kill(pid);
    pause(5);
  }
  for (const cgroup of cgroups) removeCgroup(cgroup);
}

/** One in each hierarchy of v1, or the one of v2. */
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
