import { lxcState } from '../lxc/state.ts';
import type { ContainerState } from '../lxc/state.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { Status } from '../model/status.ts';
import { label, neverRuns, notRunning, thawHint, unlockHint, unreachable } from './hints.ts';
import { askNode } from './remote.ts';

/** Locks of a Proxmox configuration under which the container is being copied, moved or replaced (`lock` in pct.conf(5)). */
const BLOCKING_LOCKS = new Set(['backup', 'create', 'destroyed', 'migrate', 'rollback']);

/**
 * Makes sure that a command can run in the container now: running, not frozen, not locked.
 *
 * @param ignoreLock for a caller whom the holder of the lock waits for.
 * @param signal ends the attempt to ask another node; its reason is thrown then.
 * @returns the container, with its init process.
 * @throws LxcriError ContainerLocked, ContainerNotRunning, ContainerFrozen or PlatformUnreachable, before anything is started;
 *   for a container of another node also what the way there can meet with, and ContainerNotFound.
 */
export async function validateRunning(
  container: Container,
  ignoreLock = false,
  signal?: AbortSignal,
): Promise<Container> {
  if (container.template === true) throw neverRuns('ContainerNotRunning', container);
  if (container.remote !== undefined) {
    const { state, container: known } = await askNode(container, container.remote, signal);
    if (!ignoreLock) refuseLocked(known);
    refuseUnlessRunning(known, state);
    return known;
  }
  if (container.control !== undefined) {
    throw new LxcriError(
      'NoMethodAvailable',
      `${label(container)} is a virtual machine (QEMU), not a container`,
      'this version runs commands in containers only',
    );
  }
  if (!ignoreLock) refuseLocked(container);
  const { lxc } = container;
  if (lxc === undefined) return container;
  const { state, initPid } = await lxcState(lxc);
  refuseUnlessRunning(container, state);
  return { ...container, lxc: { ...lxc, initPid } };
}

function refuseLocked(container: Container): void {
  const { lock } = container;
  if (lock === undefined || !BLOCKING_LOCKS.has(lock)) return;
  throw new LxcriError('ContainerLocked', `container ${label(container)} is locked (${lock})`, unlockHint(container));
}

function refuseUnlessRunning(container: Container, state: ContainerState['state']): void {
  switch (state) {
    case 'RUNNING':
    case 'THAWED':
      return;
    case 'FROZEN':
    case 'FREEZING':
      throw new LxcriError('ContainerFrozen', `container ${label(container)} is frozen`, thawHint(container));
    case 'UNREACHABLE':
      throw unreachable(container);
    default:
      throw notRunning(container, state.toLowerCase() as Status);
  }
}
