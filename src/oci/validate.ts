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
  if (container.control !== undefined) {
    const { status, lock } = await container.control.now(signal);
    const { lock: _before, ...unlocked } = container;
    const known: Container = { ...unlocked, ...(lock === undefined ? {} : { lock }) };
    if (!ignoreLock) refuseLocked(known);
    refuseUnlessRunning(known, status.toUpperCase() as ContainerState['state']);
    return known;
  }
  if (container.remote !== undefined) return validateOnNode(container, ignoreLock, signal);
  if (!ignoreLock) refuseLocked(container);
  const { lxc } = container;
  if (lxc === undefined) return container;
  const { state, initPid } = await lxcState(lxc);
  refuseUnlessRunning(container, state);
  return { ...container, lxc: { ...lxc, initPid } };
}

/**
 * The same, asked of the node that the container is on, which knows more of it than its cluster: its init process, and what
 * is installed there. One of this host, or that its node was asked for already, stays as it is.
 *
 * @throws LxcriError as {@link validateRunning}.
 */
export async function validateOnNode(
  container: Container,
  ignoreLock = false,
  signal?: AbortSignal,
): Promise<Container> {
  const { remote } = container;
  if (remote === undefined || remote.found !== undefined) return container;
  const { state, container: known } = await askNode(container, remote, signal);
  if (!ignoreLock) refuseLocked(known);
  refuseUnlessRunning(known, state);
  return known;
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
