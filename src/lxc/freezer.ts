import { readFileSync } from 'node:fs';

/** Where cgroup v2 is mounted: alone, or beside v1 controllers (hybrid). */
const V2_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
const V1_FREEZER_MOUNT = '/sys/fs/cgroup/freezer';

/**
 * Whether the container of this process is frozen or being frozen. Attaching to it would hang.
 * Both freezers count: liblxc uses v1's where it is mounted, else v2's (cgroup_freezer in the kernel's documentation).
 *
 * @param initPid the container's init process, by the host's numbering.
 */
export function isFrozen(initPid: number): boolean {
  for (const line of (read(`/proc/${initPid}/cgroup`) ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === '' && V2_MOUNTS.some((mount) => isFrozenV2(mount, path))) return true;
    if (controllers?.split(',').includes('freezer') && isFrozenV1(path)) return true;
  }
  return false;
}

/** `cgroup.events` tells of ancestors' freezing too; `cgroup.freeze` tells of one under way. */
function isFrozenV2(mount: string, path: string): boolean {
  return (
    /^frozen 1$/m.test(read(`${mount}${path}/cgroup.events`) ?? '') ||
    read(`${mount}${path}/cgroup.freeze`)?.trim() === '1'
  );
}

function isFrozenV1(path: string): boolean {
  const state = read(`${V1_FREEZER_MOUNT}${path}/freezer.state`)?.trim();
  return state === 'FROZEN' || state === 'FREEZING';
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
