import { setTimeout as sleep } from 'node:timers/promises';

import { lxcLifecycle } from '../../lxc/lifecycle.ts';
import { identityOf } from '../../model/container.ts';
import type { Container, ContainerIdentity } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ContainerStatus, Status } from '../../model/status.ts';
import { pctLifecycle } from '../../proxmox/node/lifecycle.ts';
import { NAMESPACE_HINT, label, unlockHint } from '../hints.ts';
import { monotonicMs } from '../monotonic.ts';
import { currentStatus } from '../status.ts';

/** Starts and ends one container. Each resolves to what went wrong, or to `undefined`. */
export interface Lifecycle {
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
  const { lxc, platform, id } = container;
  if (platform === 'proxmox') {
    return {
      start: (abort) => pctLifecycle.start(id, abort),
      shutdown: (seconds, abort) => pctLifecycle.shutdown(id, seconds, abort),
      kill: (abort) => pctLifecycle.kill(id, abort),
    };
  }
  if (lxc === undefined) throw new Error(`${id} is not a container of this host`);
  return {
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
  if (status !== 'unreachable') return;
  throw new LxcriError(
    'PlatformUnreachable',
    `the monitor of container ${label(container)} runs in another network namespace`,
    NAMESPACE_HINT,
  );
}

const POLL_MS = 20;

/** Waits until a container is as wanted; resolves to how it is then, or is when the time is over. */
export async function untilStatus(container: Container, wanted: Status, timeoutMs: number): Promise<ContainerStatus> {
  const end = monotonicMs() + timeoutMs;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const found = await currentStatus(container);
    if (found.status === wanted || monotonicMs() >= end) return found;
    // oxlint-disable-next-line no-await-in-loop -- nothing tells of the change
    await sleep(POLL_MS);
  }
}
