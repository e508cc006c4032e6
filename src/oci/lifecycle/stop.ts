import { LxcriError } from '../../model/errors.ts';
import { label } from '../hints.ts';
import type { HostInventory } from '../locate.ts';
import { containerStatus } from '../status.ts';
import { changeOf, lifecycleOf, refuseLocked, refuseUnreachable, untilStatus } from './lifecycle.ts';
import type { Change } from './lifecycle.ts';

/** How to stop a container; everything is optional. */
export interface StopOptions {
  /** The Proxmox node of the container. */
  readonly node?: string | undefined;
  /** Kill it at once. */
  readonly force?: boolean | undefined;
  /** How long it may take to shut down before it is killed. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  readonly abort?: AbortSignal | undefined;
}

export const DEFAULT_STOP_TIMEOUT_MS = 60_000;

/** What became of a request to stop. */
export interface Stopped extends Change {
  /** Whether it had to be killed. */
  readonly forced: boolean;
}

/** How long a container may take to be gone once everything in it was killed. */
const GONE_MS = 10_000;

/**
 * Stops a container: asks its init to shut down, and kills everything in it when the time is over. One that is stopped
 * already is left alone.
 *
 * @throws LxcriError ContainerFrozen (without `force`), ContainerLocked, OperationFailed with what the platform said, and
 *   those of finding it.
 */
export async function stopContainer(
  inventory: HostInventory,
  target: string,
  { node, force = false, timeoutMs = DEFAULT_STOP_TIMEOUT_MS, abort }: StopOptions = {},
): Promise<Stopped> {
  const before = await containerStatus(inventory, target, node);
  const { container, status } = before;
  refuseUnreachable(before);
  if (status === 'stopped') return { ...changeOf(before, false), forced: false };
  refuseLocked(container);
  if (!force && (status === 'frozen' || status === 'freezing')) {
    throw new LxcriError(
      'ContainerFrozen',
      `container ${label(container)} is frozen and cannot shut down`,
      'thaw it first, or kill it with --force',
    );
  }
  const lifecycle = lifecycleOf(container);
  if (!force) {
    // One that fails to shut down, for whatever reason, is killed.
    await lifecycle.shutdown(Math.max(1, Math.ceil(timeoutMs / 1000)), abort);
    abort?.throwIfAborted();
    const after = await untilStatus(container, 'stopped', 0);
    if (after.status === 'stopped') return { ...changeOf(after, true), forced: false };
  }
  const failure = await lifecycle.kill(abort);
  const after = await untilStatus(container, 'stopped', GONE_MS);
  if (after.status !== 'stopped') {
    throw new LxcriError(
      'OperationFailed',
      `container ${label(container)} is still ${after.status}: ${failure ?? 'it was killed, and is not gone'}`,
      'look for processes of it in uninterruptible sleep (state D)',
    );
  }
  return { ...changeOf(after, true), forced: true };
}
