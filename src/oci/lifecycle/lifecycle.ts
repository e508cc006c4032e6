import { setTimeout as sleep } from 'node:timers/promises';

import { lxcLifecycle } from '../../lxc/lifecycle.ts';
import { identityOf } from '../../model/container.ts';
import type { Container, ContainerIdentity } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ContainerStatus, Status } from '../../model/status.ts';
import { pctLifecycle } from '../../proxmox/node/lifecycle.ts';
import { label, unlockHint, unreachable } from '../hints.ts';
import { monotonicMs } from '../monotonic.ts';
import { currentStatus } from '../status.ts';

/** Starts and ends one container. Each resolves to what went wrong, or to `undefined`, and rejects when it is aborted. */
export interface Lifecycle {
  /** Whether a start or stop that succeeded may only have been requested: Proxmox's HA manager does it in its own time. */
  readonly deferred: boolean;
  start(abort?: AbortSignal): Promise<string | undefined>;
  shutdown(seconds: number, abort?: AbortSignal): Promise<string | undefined>;
  kill(abort?: AbortSignal): Promise<string | undefined>;
}

/** What became of a request to start, stop or kill. */
export interface Change {
  readonly container: ContainerIdentity;
  readonly status: Status;
  /** The init process by this host's numbering, or `null`. */
  readonly pid: number | null;
  /** False when it already was as asked for. */
  readonly changed: boolean;
}

/** By the means of the platform that the container belongs to, so that it keeps knowing. */
export function lifecycleOf(container: Container): Lifecycle {
  const { lxc, platform, id, control } = container;
  if (control !== undefined) {
    return {
      deferred: true,
      start: (abort) => control.start(abort),
      shutdown: (seconds, abort) => control.shutdown(seconds, abort),
      kill: (abort) => control.kill(abort),
    };
  }
  if (platform === 'proxmox') {
    return {
      deferred: true,
      start: (abort) => pctLifecycle.start(id, abort),
      shutdown: (seconds, abort) => pctLifecycle.shutdown(id, seconds, abort),
      kill: (abort) => pctLifecycle.kill(id, abort),
    };
  }
  if (lxc === undefined) throw new Error(`${id} is not a container of this host`);
  return {
    deferred: false,
    start: (abort) => lxcLifecycle.start(lxc, abort),
    shutdown: (seconds, abort) => lxcLifecycle.shutdown(lxc, seconds, abort),
    kill: (abort) => lxcLifecycle.kill(lxc, abort),
  };
}

/** The result of a request, as its container is now. */
export function changeOf({ container, status, initPid }: ContainerStatus, changed: boolean): Change {
  return { container: identityOf(container), status, pid: initPid ?? null, changed };
}

/** Refuses a container that another task of Proxmox holds; its own tools would too, after a second. */
export function refuseLocked(container: Container): void {
  const { lock } = container;
  if (lock === undefined) return;
  throw new LxcriError('ContainerLocked', `container ${label(container)} is locked (${lock})`, unlockHint(container));
}

/** Refuses a container that cannot be asked. */
export function refuseUnreachable({ container, status }: ContainerStatus): void {
  if (status === 'unreachable') throw unreachable(container);
}

const POLL_MS = 50;

/**
 * Waits until a container is as wanted; resolves to how it is then, or is when the time is over.
 *
 * @throws the reason of `abort`.
 */
export async function untilStatus(
  container: Container,
  isWanted: (status: Status) => boolean,
  timeoutMs: number,
  abort?: AbortSignal,
): Promise<ContainerStatus> {
  const end = monotonicMs() + timeoutMs;
  for (;;) {
    abort?.throwIfAborted();
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const found = await currentStatus(container);
    if (isWanted(found.status) || monotonicMs() >= end) return found;
    // oxlint-disable-next-line no-await-in-loop -- nothing tells of the change
    await sleep(POLL_MS, undefined, { signal: abort }).catch(() => abort?.throwIfAborted());
  }
}

export const isStopped = (status: Status): boolean => status === 'stopped';

/**
 * Runs one step of a lifecycle, and ends it when the time is over.
 *
 * @returns what went wrong, or `undefined`, also when the time is over: how its container is then says the rest.
 * @throws the reason of `abort`.
 */
export async function limited(
  step: (abort: AbortSignal) => Promise<string | undefined>,
  timeoutMs: number,
  abort: AbortSignal | undefined,
): Promise<string | undefined> {
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)));
  try {
    return await step(abort === undefined ? limit : AbortSignal.any([abort, limit]));
  } catch (error) {
    abort?.throwIfAborted();
    if (limit.aborted) return undefined;
    throw error;
  }
}
