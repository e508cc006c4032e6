import { setTimeout as sleep } from 'node:timers/promises';

import type { Container } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ErrorCode, ErrorInfo } from '../../model/errors.ts';
import type { ContainerStatus, Status } from '../../model/status.ts';
import { startExecution } from '../execution.ts';
import { label, neverRuns, thawHint } from '../hints.ts';
import { fullReference } from '../locate.ts';
import type { HostInventory } from '../locate.ts';
import { monotonicMs } from '../monotonic.ts';
import { containerStatus, currentStatus } from '../status.ts';
import {
  changeOf,
  isStopped,
  lifecycleOf,
  limited,
  refuseLocked,
  refuseUnreachable,
  untilStatus,
  untilStatusAfter,
  within,
} from './lifecycle.ts';
import type { Change } from './lifecycle.ts';

/** How to start a container; everything is optional. */
export interface StartOptions {
  /** The Proxmox node of the container. */
  readonly node?: string | undefined;
  /** Wait until a command can run in it. Default: only until it runs. */
  readonly wait?: boolean | undefined;
  /** How long to wait at most for it to run, and to be able to run a command. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  readonly abort?: AbortSignal | undefined;
}

const DEFAULT_START_TIMEOUT_MS = 60_000;

/**
 * Starts a container and waits until it runs. One that runs already is left alone.
 *
 * @throws LxcriError ContainerFrozen, ContainerLocked, ExecutionTimeout, OperationFailed with what the platform said,
 *   ConnectionLost when it is not known whether it was started, and those of finding it; the reason of `abort`, after which the container may be starting nevertheless.
 */
export async function startContainer(
  inventory: HostInventory,
  target: string,
  { node, wait = false, timeoutMs = DEFAULT_START_TIMEOUT_MS, abort }: StartOptions = {},
): Promise<Change> {
  const end = monotonicMs() + timeoutMs;
  const left = (): number => end - monotonicMs();
  const before = await within(timeoutMs, (signal) => containerStatus(inventory, target, node, signal), abort);
  if (before === undefined) throw tooSlow(`nobody has said what ${target} is doing`, timeoutMs);
  const settled = await untilSettled(before, left(), abort);
  const { container, status } = settled;
  const isOverApi = [container.docker, container.pod, container.vsock].every((access) => access === undefined);
  if (wait && container.control !== undefined && isOverApi) {
    throw new LxcriError(
      'NoMethodAvailable',
      `no command can be run in ${label(container)} over the API, so there is no knowing when one could`,
      'leave out --wait, or run this on its node',
    );
  }
  let changed = false;
  let now = settled;
  if (status !== 'running') {
    refuseLockedStart(container);
    const lifecycle = lifecycleOf(container, inventory.pve);
    // Whoever starts it may be waited for; but what is in the way of a pod may stay there, and the cluster is asked of that.
    const isBegun = status === 'starting' && container.pod === undefined;
    const { failure, deferred = false } = isBegun
      ? {}
      : await limited((signal) => lifecycle.start(signal), left(), abort);
    // Somebody else may have been faster: then it is not our doing.
    changed = !isBegun && failure === undefined;
    if (failure !== undefined && (await untilStatus(container, isRunning, 0, abort)).status !== 'running')
      throw new LxcriError('OperationFailed', `container ${label(container)} did not start: ${failure}`);
    const isOver = (seen: Status): boolean => isRunning(seen) || (isStopped(seen) && !deferred);
    now = await untilStatusAfter('started', container, isOver, left(), abort);
    if (isStopped(now.status) && !deferred && left() > 0) throw endedAgain(container);
    if (!isRunning(now.status)) throw tooSlow(`container ${label(container)} is ${now.status}, not running`, timeoutMs);
  }
  if (!wait) return changeOf(now, changed);
  await untilReady(inventory, container, end, timeoutMs, abort);
  return changeOf(await currentStatus(container), changed);
}

const isRunning = (status: Status): boolean => status === 'running';

/** Refuses what cannot be started, and waits for the end of one that is just ending. */
async function untilSettled(
  before: ContainerStatus,
  timeoutMs: number,
  abort: AbortSignal | undefined,
): Promise<ContainerStatus> {
  const { container } = before;
  if (container.template === true) throw neverRuns('OperationFailed', container);
  const isEnding = (status: Status): boolean => status === 'stopping' || status === 'aborting';
  const settled = isEnding(before.status)
    ? await untilStatus(container, (status) => !isEnding(status), timeoutMs, abort)
    : before;
  refuseUnreachable(settled);
  if (settled.status === 'frozen' || settled.status === 'freezing') {
    throw new LxcriError(
      'ContainerFrozen',
      `container ${label(container)} is frozen: it runs already, and does nothing`,
      thawHint(container),
    );
  }
  if (isEnding(settled.status))
    throw tooSlow(`container ${label(container)} is still ${settled.status} and cannot be started`, timeoutMs);
  return settled;
}

/** Proxmox itself starts a container that `pct mount` has mounted. */
function refuseLockedStart(container: Container): void {
  if (container.lock !== 'mounted') refuseLocked(container);
}

function endedAgain(container: Container): LxcriError {
  const { lxc } = container;
  return new LxcriError(
    'OperationFailed',
    `container ${label(container)} was started, and ended again at once, or somebody stopped it`,
    lxc === undefined ? undefined : `see what its init says: lxc-start -P ${lxc.lxcpath} -n ${lxc.name} -F`,
  );
}

/** How long one attempt to run a command may take at most and, when the time is nearly over, at least; and the pause before the next. */
const ATTEMPT_MS = 5000;
const LAST_ATTEMPT_MS = 500;
const PAUSE_MS = 100;

/** Errors of an attempt that may be other a moment later. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NoMethodAvailable',
  'ExecutionTimeout',
  'ConnectionLost',
  'PlatformUnreachable',
]);

/** Waits until a command can run: until one has run, or LXC could at least look for it. */
async function untilReady(
  inventory: HostInventory,
  container: Container,
  end: number,
  timeoutMs: number,
  abort: AbortSignal | undefined,
): Promise<void> {
  const target = fullReference(container);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
    const error = await attemptError(inventory, target, end - monotonicMs(), abort);
    if (error === null || error.code === 'CommandNotFound' || error.code === 'CommandNotExecutable') return;
    if (error.code === 'ContainerNotRunning') throw endedAgain(container);
    if (!PASSING.has(error.code)) throw new LxcriError(error.code, error.message, error.hint);
    if (monotonicMs() >= end)
      throw tooSlow(`no command can run in container ${label(container)} yet (${error.message})`, timeoutMs);
    // oxlint-disable-next-line no-await-in-loop -- nothing tells when it can
    await sleep(PAUSE_MS, undefined, { signal: abort }).catch(() => abort?.throwIfAborted());
  }
}

/** Runs nothing at all in the container; resolves to why that was not possible. */
async function attemptError(
  inventory: HostInventory,
  target: string,
  leftMs: number,
  abort: AbortSignal | undefined,
): Promise<ErrorInfo | null> {
  abort?.throwIfAborted();
  const timeoutMs = Math.min(ATTEMPT_MS, Math.max(LAST_ATTEMPT_MS, leftMs));
  const attempt = startExecution(inventory, target, ['/bin/sh', '-c', ':'], {
    timeoutMs,
    killAfterMs: LAST_ATTEMPT_MS,
  });
  const cancel = (): void => attempt.signal('SIGTERM');
  abort?.addEventListener('abort', cancel);
  const { error } = await attempt.result;
  abort?.removeEventListener('abort', cancel);
  abort?.throwIfAborted();
  return error;
}

function tooSlow(what: string, timeoutMs: number): LxcriError {
  return new LxcriError(
    'ExecutionTimeout',
    `${what}, after ${Math.round(timeoutMs)} ms`,
    'give it more time with --timeout',
  );
}
