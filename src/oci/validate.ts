import { lxcState } from '../lxc/state.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { Status } from '../model/status.ts';
import { label, notRunning, thawHint, unlockHint, unreachable } from './hints.ts';

/** Locks of a Proxmox configuration under which the container is being copied, moved or replaced (`lock` in pct.conf(5)). */
const BLOCKING_LOCKS = new Set(['backup', 'create', 'destroyed', 'migrate', 'rollback']);

/**
 * Makes sure that a command can run in the container now: running, not frozen, not locked.
 *
 * @param ignoreLock for a caller whom the holder of the lock waits for.
 * @returns the container, with its init process.
 * @throws LxcriError ContainerLocked, ContainerNotRunning, ContainerFrozen or PlatformUnreachable, before anything is started.
 */
export async function validateRunning(container: Container, ignoreLock = false): Promise<Container> {
  const { lock, lxc } = container;
  if (!ignoreLock && lock !== undefined && BLOCKING_LOCKS.has(lock)) {
    throw new LxcriError('ContainerLocked', `container ${label(container)} is locked (${lock})`, unlockHint(container));
  }
  if (lxc === undefined) return container;
  const { state, initPid } = await lxcState(lxc);
  switch (state) {
    case 'RUNNING':
    case 'THAWED':
      return { ...container, lxc: { ...lxc, initPid } };
    case 'FROZEN':
    case 'FREEZING':
      throw new LxcriError('ContainerFrozen', `container ${label(container)} is frozen`, thawHint(container));
    case 'UNREACHABLE':
      throw unreachable(container);
    default:
      throw notRunning(container, state.toLowerCase() as Status);
  }
}
