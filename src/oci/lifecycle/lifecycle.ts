import { setTimeout as sleep } from 'node:timers/promises';

import { lxcLifecycle } from '../../lxc/lifecycle.ts';
import { identityOf } from '../../model/container.ts';
import type { Container, ContainerIdentity } from '../../model/container.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ErrorCode } from '../../model/errors.ts';
import type { PowerEnd } from '../../model/remote.ts';
import type { ContainerStatus, Status } from '../../model/status.ts';
import type { NodeConfig } from '../../proxmox/node/config.ts';
import { pctLifecycle } from '../../proxmox/node/lifecycle.ts';
import { label, unlockHint, unreachable } from '../hints.ts';
import { monotonicMs } from '../monotonic.ts';
import { currentStatus } from '../status.ts';

/** Starts and ends one container. Each rejects when it is aborted. */
export interface Lifecycle {
  start(abort?: AbortSignal): Promise<PowerEnd>;
  shutdown(seconds: number, abort?: AbortSignal): Promise<PowerEnd>;
  kill(abort?: AbortSignal): Promise<PowerEnd>;
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

/**
 * By the means of the platform that the container belongs to, so that it keeps knowing.
 *
 * @param pve of this host.
 */
export function lifecycleOf(container: Container, pve: NodeConfig): Lifecycle {
  const { lxc, platform, id, control } = container;
  if (control !== undefined) return control;
  if (platform === 'proxmox') {
    return {
      start: (abort) => handedOn(pve, id, pctLifecycle.start(id, abort)),
      shutdown: (seconds, abort) => handedOn(pve, id, pctLifecycle.shutdown(id, seconds, abort)),
      kill: (abort) => handedOn(pve, id, pctLifecycle.kill(id, abort)),
    };
  }
  if (lxc === undefined) throw new Error(`${id} is not a container of this host`);
  return {
    start: async (abort) => ({ failure: await lxcLifecycle.start(lxc, abort) }),
    shutdown: async (seconds, abort) => ({ failure: await lxcLifecycle.shutdown(lxc, seconds, abort) }),
    kill: async (abort) => ({ failure: await lxcLifecycle.kill(lxc, abort) }),
  };
}

/** `pct` tells the HA manager of a container that it manages, and waits for nothing. */
async function handedOn(pve: NodeConfig, vmid: string, step: Promise<string | undefined>): Promise<PowerEnd> {
  const deferred = pve.isHaManaged(vmid);
  return { failure: await step, deferred };
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

/** The pause between two looks; another host is asked more and more seldom. */
const POLL_MS = 50;
const LAST_POLL_MS = 1000;
const POLL_GROWTH = 1.5;

/** How long a look at a container may take at least. Only another host takes long. */
const LOOK_MS = 5000;

/**
 * Waits until a container is as wanted; resolves to how it is then, or is when the time is over.
 *
 * @throws LxcriError ExecutionTimeout when nothing says how it is; the reason of `abort`.
 */
export async function untilStatus(
  container: Container,
  isWanted: (status: Status) => boolean,
  timeoutMs: number,
  abort?: AbortSignal,
): Promise<ContainerStatus> {
  const end = monotonicMs() + timeoutMs;
  let last: ContainerStatus | undefined;
  for (let pause = POLL_MS; ; pause = Math.min(pause * POLL_GROWTH, LAST_POLL_MS)) {
    abort?.throwIfAborted();
    const left = end - monotonicMs();
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const found = await within(
      Math.max(left, last === undefined ? LOOK_MS : 0),
      (signal) => currentStatus(container, signal),
      abort,
    );
    last = found ?? last;
    if (last === undefined) {
      const message = `nothing says how container ${label(container)} is, after ${Math.round(Math.max(left, LOOK_MS))} ms`;
      throw new LxcriError(
        'ExecutionTimeout',
        message,
        'it may have been started or stopped: look with proxmox-lxcri ps',
      );
    }
    const after = end - monotonicMs();
    if (isWanted(last.status) || after <= 0) return last;
    const next = container.control === undefined ? POLL_MS : Math.min(pause, after);
    // oxlint-disable-next-line no-await-in-loop -- nothing tells of the change
    await sleep(next, undefined, { signal: abort }).catch(() => abort?.throwIfAborted());
  }
}

export const isStopped = (status: Status): boolean => status === 'stopped';

/**
 * Runs one step of a lifecycle, and ends it when the time is over.
 *
 * @returns how it ended; nothing went wrong when the time is over: how its container is then says the rest.
 * @throws the reason of `abort`.
 */
export async function limited(
  step: (abort: AbortSignal) => Promise<PowerEnd>,
  timeoutMs: number,
  abort: AbortSignal | undefined,
): Promise<PowerEnd> {
  return (await within(timeoutMs, step, abort)) ?? {};
}

/**
 * Does something for a limited time.
 *
 * @returns `undefined` when the time is over.
 * @throws the reason of `abort`.
 */
export async function within<Value>(
  timeoutMs: number,
  action: (abort: AbortSignal) => Promise<Value>,
  abort: AbortSignal | undefined,
): Promise<Value | undefined> {
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)));
  try {
    return await action(abort === undefined ? limit : AbortSignal.any([abort, limit]));
  } catch (error) {
    abort?.throwIfAborted();
    if (limit.aborted) return undefined;
    throw error;
  }
}

/** What says that somebody could not be asked, or does not answer us. */
const UNSEEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PlatformUnreachable',
  'AuthenticationFailed',
  'PermissionDenied',
  'OperationFailed',
]);

/**
 * Waits until a container is as it was asked for.
 *
 * @param done what was done, for the error.
 * @throws LxcriError ConnectionLost when its state cannot be seen any more; else as `untilStatus`.
 */
export async function untilStatusAfter(
  done: string,
  ...[container, isWanted, timeoutMs, abort]: Parameters<typeof untilStatus>
): Promise<ContainerStatus> {
  try {
    return await untilStatus(container, isWanted, timeoutMs, abort);
  } catch (error) {
    if (!isLxcriError(error) || !UNSEEN.has(error.code)) throw error;
    throw new LxcriError(
      'ConnectionLost',
      `container ${label(container)} was ${done}, and what became of it is not known: ${error.message}`,
      'look with: proxmox-lxcri ps',
      { cause: error },
    );
  }
}
