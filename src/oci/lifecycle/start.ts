import { LxcriError } from '../../model/errors.ts';
import { startExecution } from '../execution.ts';
import { label, thawHint } from '../hints.ts';
import { fullReference } from '../locate.ts';
import type { HostInventory } from '../locate.ts';
import { monotonicMs } from '../monotonic.ts';
import { containerStatus } from '../status.ts';
import { changeOf, lifecycleOf, refuseLocked, refuseUnreachable, untilStatus } from './lifecycle.ts';
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

export const DEFAULT_START_TIMEOUT_MS = 60_000;

/**
 * Starts a container and waits until it runs. One that runs already is left alone.
 *
 * @throws LxcriError ContainerFrozen, ContainerLocked, ExecutionTimeout, OperationFailed with what the platform said, and
 *   those of finding it.
 */
export async function startContainer(
  inventory: HostInventory,
  target: string,
  { node, wait = false, timeoutMs = DEFAULT_START_TIMEOUT_MS, abort }: StartOptions = {},
): Promise<Change> {
  const end = monotonicMs() + timeoutMs;
  const before = await containerStatus(inventory, target, node);
  const { container, status } = before;
  refuseUnreachable(before);
  if (status === 'frozen' || status === 'freezing') {
    throw new LxcriError(
      'ContainerFrozen',
      `container ${label(container)} is frozen: it runs already, and does nothing`,
      thawHint(container),
    );
  }
  const changed = status !== 'running';
  if (changed) {
    refuseLocked(container);
    const failure = status === 'starting' ? undefined : await lifecycleOf(container).start(abort);
    // Somebody else may have been faster.
    if (failure !== undefined && (await untilStatus(container, 'running', 0)).status !== 'running') {
      throw new LxcriError('OperationFailed', `container ${label(container)} did not start: ${failure}`);
    }
  }
  const after = await untilStatus(container, 'running', end - monotonicMs());
  if (after.status !== 'running')
    throw tooSlow(`container ${label(container)} is ${after.status}, not running`, timeoutMs);
  if (wait) await untilReady(inventory, fullReference(container), end, timeoutMs, abort);
  return changeOf(after, changed);
}

/** How long one attempt to run a command may take. */
const ATTEMPT_MS = 5000;

/** Waits until a command can run: until one has run, or LXC could at least look for it. */
async function untilReady(
  inventory: HostInventory,
  target: string,
  end: number,
  timeoutMs: number,
  abort: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    abort?.throwIfAborted();
    const attempt = startExecution(inventory, target, ['/bin/sh', '-c', ':'], { timeoutMs: ATTEMPT_MS });
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
    const { started, error } = await attempt.result;
    const isAnswered = error?.code === 'CommandNotFound' || error?.code === 'CommandNotExecutable';
    if ((started && error === null) || isAnswered) return;
    if (error?.code === 'ContainerNotRunning')
      throw new LxcriError('ContainerNotRunning', `container ${target} ran, and ended again`, 'see its log');
    if (monotonicMs() >= end) throw tooSlow(`no command can run in ${target} yet: ${error?.message ?? ''}`, timeoutMs);
  }
}

function tooSlow(what: string, timeoutMs: number): LxcriError {
  return new LxcriError('ExecutionTimeout', `${what}, after ${timeoutMs} ms`, 'give it more time with --timeout');
}
