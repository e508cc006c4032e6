import { lxcLifecycle } from '../../lxc/lifecycle.ts';
import type { Container } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { RemoteControl } from '../../model/remote.ts';
import type { NodeConfig } from '../../proxmox/node/config.ts';
import { signalNumber } from '../../values/signal.ts';
import type { SignalName } from '../../values/signal.ts';
import { label, notRunning } from '../hints.ts';
import type { HostInventory } from '../locate.ts';
import { containerStatus, currentStatus } from '../status.ts';
import {
  changeOf,
  isStopped,
  lifecycleOf,
  limited,
  refuseUnreachable,
  untilStatus,
  untilStatusAfter,
} from './lifecycle.ts';
import type { Change } from './lifecycle.ts';

/** How long a container may take to be gone after its init was killed. */
const GONE_MS = 10_000;

/** The same where HA's manager does it, in rounds of 10 s. */
const GONE_DEFERRED_MS = 60_000;

async function signalByPlatform(
  container: Container,
  send: NonNullable<RemoteControl['signal']>,
  signal: SignalName,
): Promise<Change> {
  const { failure } = await limited((abort) => send(signal, abort), GONE_MS, undefined);
  if (failure !== undefined)
    throw new LxcriError('OperationFailed', `${signal} could not be sent to container ${label(container)}: ${failure}`);
  return changeOf(await currentStatus(container), true);
}

/** A platform that is asked over the network can only end a guest. */
async function killByPlatform(container: Container, pve: NodeConfig, signal: SignalName): Promise<Change> {
  if (signal !== 'SIGKILL') {
    const send = container.control?.signal;
    if (send !== undefined) return signalByPlatform(container, send, signal);
    throw new LxcriError(
      'NoMethodAvailable',
      `${signal} cannot be sent to ${label(container)} over the API of Proxmox, which can only end it`,
      'leave out the signal, or run this on its node',
    );
  }
  const lifecycle = lifecycleOf(container, pve);
  const { failure, deferred = false } = await limited((abort) => lifecycle.kill(abort), GONE_DEFERRED_MS, undefined);
  const goneMs = deferred ? GONE_DEFERRED_MS : GONE_MS;
  const after = await untilStatusAfter('killed', container, isStopped, failure === undefined ? goneMs : 0);
  if (!isStopped(after.status)) {
    throw new LxcriError(
      'OperationFailed',
      `container ${label(container)} is still ${after.status}${failure === undefined ? '' : `: ${failure}`}`,
    );
  }
  return changeOf(after, true);
}

/**
 * Sends a signal to a container's init process. The kernel ends everything in the container when its init ends.
 *
 * @param signal default SIGKILL, after which it also waits until the container is stopped.
 * @throws LxcriError ContainerNotRunning, OperationFailed, and those of finding it.
 */
export async function killContainer(
  inventory: HostInventory,
  target: string,
  signal: SignalName = 'SIGKILL',
  node?: string,
): Promise<Change> {
  const before = await containerStatus(inventory, target, node);
  const { container, status, initPid } = before;
  refuseUnreachable(before);
  // An engine lets one that it has paused end; a signal to its init alone would wait until it is thawed.
  const isPausedByEngine = container.docker !== undefined && status === 'frozen';
  const isByEngine = isPausedByEngine && (signal === 'SIGKILL' || initPid === undefined);
  // What a pod is waiting for has no process, and is not for us to end either.
  const isWaitingPod = container.pod !== undefined && status !== 'stopped';
  const isByPlatform = status === 'running' || isByEngine || isWaitingPod;
  if (container.control !== undefined && isByPlatform) return killByPlatform(container, inventory.pve, signal);
  if (initPid === undefined) {
    const consequence = `: there is no process to send ${signal} to`;
    throw notRunning(container, status, consequence, 'see what runs: proxmox-lxcri ps');
  }
  try {
    process.kill(initPid, signalNumber(signal));
  } catch (error) {
    throw new LxcriError(
      'OperationFailed',
      `${signal} could not be sent to container ${label(container)}: ${(error as Error).message}`,
      undefined,
      {
        cause: error,
      },
    );
  }
  // The freezer of cgroup v1 keeps what was killed from ending (cgroup-v1/freezer-subsystem of the kernel's documentation).
  if (signal === 'SIGKILL' && status === 'frozen' && container.lxc !== undefined)
    await lxcLifecycle.thaw(container.lxc);
  const after = await untilStatus(container, isStopped, signal === 'SIGKILL' ? GONE_MS : 0);
  if (signal === 'SIGKILL' && after.status !== 'stopped') {
    throw new LxcriError(
      'OperationFailed',
      `container ${label(container)} was killed, and is still ${after.status}`,
      'look for processes of it in uninterruptible sleep (state D)',
    );
  }
  return changeOf(after, true);
}
