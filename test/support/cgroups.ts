/** The host's control groups; synchronous, since exit handlers cannot wait. */
import { existsSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/** The groups right below the root, in each hierarchy of v1, or in the one of v2. */
export function topCgroups(): string[] {
  return hierarchies().flatMap(subdirectories);
}

/** Those of this name below the root: one in each hierarchy of v1, or the one of v2. */
export function cgroupsNamed(name: string): string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, name))
    .filter((path) => existsSync(path));
}

/** The pids of all processes in a group and in those below it. */
export function processesIn(cgroup: string): number[] {
  const own = members(cgroup).split('\n').filter(Boolean).map(Number);
  return [...own, ...subdirectories(cgroup).flatMap(processesIn)];
}

/** Removes a group and those below it; one that is in use stays. */
export function removeCgroup(path: string): void {
  for (const child of subdirectories(path)) removeCgroup(child);
  try {
    rmdirSync(path);
  } catch {
    // In use, or gone by itself.
  }
}

function hierarchies(): string[] {
  return [ROOT, ...subdirectories(ROOT)];
}

function members(cgroup: string): string {
  try {
    return readFileSync(join(cgroup, 'cgroup.procs'), 'latin1');
  } catch {
    return '';
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
