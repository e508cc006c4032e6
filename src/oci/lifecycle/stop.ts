import { LxcriError } from '../../model/errors.ts';
import { label } from '../hints.ts';
import type { HostInventory } from '../locate.ts';
import { monotonicMs } from '../monotonic.ts';
import { containerStatus } from '../status.ts';
import {
  changeOf,
  isStopped,
  lifecycleOf,
  limited,
  refuseLocked,
  refuseUnreachable,
  untilStatusAfter,
  within,
} from './lifecycle.ts';
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

/** How long a container may take to be gone once everything in it was killed; HA does its work in rounds of 10 s. */
const GONE_MS = 10_000;
const GONE_DEFERRED_MS = 60_000;

/** How long finding it may take, however little time it may take to shut down. */
const FIND_MS = 10_000;

/** How much longer than the container the tool that shuts it down may take: pct needs 2 s to start. */
const TOOL_GRACE_MS = 15_000;

/**
 * Stops a container: asks its init to shut down, and kills everything in it when the time is over. One that is stopped
 * already is left alone.
 *
 * @throws LxcriError ContainerFrozen (without `force`), ContainerLocked, ExecutionTimeout, OperationFailed with what the
 *   platform said, ConnectionLost when it is not known what became of it, and those of finding it; the reason of `abort`.
 */
export async function stopContainer(
  inventory: HostInventory,
  target: string,
  { node, force = false, timeoutMs = DEFAULT_STOP_TIMEOUT_MS, abort }: StopOptions = {},
): Promise<Stopped> {
  const begin = monotonicMs();
  const before = await within(
    Math.max(timeoutMs, FIND_MS),
    (signal) => containerStatus(inventory, target, node, signal),
    abort,
  );
  if (before === undefined) {
    throw new LxcriError(
      'ExecutionTimeout',
      `nobody has said what ${target} is doing, after ${Math.round(monotonicMs() - begin)} ms`,
      'nothing was stopped; give it more time with --timeout',
    );
  }
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
  const lifecycle = lifecycleOf(container, inventory.pve);
  if (!force) {
    const end = monotonicMs() + timeoutMs;
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
    // Why one does not shut down does not matter: when its time is over it is killed, and not before.
    await limited((signal) => lifecycle.shutdown(seconds, signal), timeoutMs + TOOL_GRACE_MS, abort);
    const after = await untilStatusAfter('told to shut down', container, isStopped, end - monotonicMs(), abort);
    if (isStopped(after.status)) return { ...changeOf(after, true), forced: false };
  }
  const killMs = container.platform === 'proxmox' ? GONE_DEFERRED_MS : GONE_MS;
  const { failure, deferred = false } = await limited((signal) => lifecycle.kill(signal), killMs, abort);
  const goneMs = deferred ? GONE_DEFERRED_MS : GONE_MS;
  const after = await untilStatusAfter('killed', container, isStopped, failure === undefined ? goneMs : 0, abort);
  if (!isStopped(after.status)) {
    throw new LxcriError(
      'OperationFailed',
      `container ${label(container)} is still ${after.status}: ${failure ?? 'it was killed, and is not gone'}`,
      failure === undefined ? 'look for processes of it in uninterruptible sleep (state D)' : undefined,
    );
  }
  return { ...changeOf(after, true), forced: true };
}
