import { lxcState } from '../lxc/state.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';

/** Locks of a Proxmox configuration under which the container is being copied, moved or replaced (`lock` in pct.conf(5)). */
const BLOCKING_LOCKS = new Set(['backup', 'create', 'destroyed', 'migrate', 'rollback']);

/**
 * Makes sure that a command can run in the container now: running, not frozen, not locked.
 *
 * @returns the container, with its init process.
 * @throws LxcriError ContainerLocked, ContainerNotRunning, ContainerFrozen or PlatformUnreachable, before anything is started.
 */
export async function validateRunning(container: Container): Promise<Container> {
  const { lock, lxc, id, platform } = container;
  if (lock !== undefined && BLOCKING_LOCKS.has(lock)) {
    throw new LxcriError(
      'ContainerLocked',
      `container ${label(container)} is locked (${lock})`,
      'wait until that task has ended; if none is running: pct unlock ' + id,
    );
  }
  if (lxc === undefined) return container;
  const { state, initPid } = await lxcState(lxc);
  switch (state) {
    case 'RUNNING':
    case 'THAWED':
      return { ...container, lxc: { ...lxc, initPid } };
    case 'FROZEN':
    case 'FREEZING':
      throw new LxcriError(
        'ContainerFrozen',
        `container ${label(container)} is frozen`,
        `thaw it with: ${platform === 'proxmox' ? `pct resume ${id}` : `lxc-unfreeze ${lxcArguments(container)}`}`,
      );
    case 'UNREACHABLE':
      throw new LxcriError(
        'PlatformUnreachable',
        `the monitor of container ${label(container)} runs in another network namespace`,
        'run this in the network namespace that LXC was started in: nsenter -t 1 -n proxmox-lxcri ...',
      );
    default:
      throw new LxcriError(
        'ContainerNotRunning',
        `container ${label(container)} is not running (${state.toLowerCase()})`,
        `start it with: ${platform === 'proxmox' ? `pct start ${id}` : `lxc-start ${lxcArguments(container)}`}`,
      );
  }
}

function label({ id, name }: Container): string {
  return name === id ? id : `${id} (${name})`;
}

function lxcArguments({ lxc, id }: Container): string {
  return lxc === undefined ? id : `-P ${lxc.lxcpath} -n ${lxc.name}`;
}
