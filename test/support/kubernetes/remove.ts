/** Takes away a containerd of the tests and all it has made, also when nobody is left who could be asked to. */
import { basename } from 'node:path';
import { cgroupsNamed, processesIn, removeCgroup } from '../cgroups.ts';
import { removeEngine } from '../docker/remove.ts';
import { killIfThere } from '../proc.ts';
import { pause } from '../wait-for.ts';

const TIMEOUT_MS = 10_000;

/** The cgroup that all pods are below: it has the name of the directory. */
export function cgroupOf(directory: string): string {
  return `/${basename(directory)}`;
}

export function removeKubernetes(directory: string): void {
  removeEngine(directory);
  const cgroups = cgroupsNamed(basename(directory));
  const deadline = Date.now() + TIMEOUT_MS;
  for (let left = cgroups.flatMap(processesIn); left.length > 0; left = cgroups.flatMap(processesIn)) {
    if (Date.now() > deadline) throw new Error(`processes ${left.join(', ')} of ${directory} do not end`);
    for (const pid of left) killIfThere(pid);
    pause(5);
  }
  for (const cgroup of cgroups) removeCgroup(cgroup);
}
