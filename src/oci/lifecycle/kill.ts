import { lxcLifecycle } from '../../lxc/lifecycle.ts';
import { LxcriError } from '../../model/errors.ts';
import { label } from '../hints.ts';
import type { HostInventory } from '../locate.ts';
import { containerStatus } from '../status.ts';
import { changeOf, isStopped, refuseUnreachable, untilStatus } from './lifecycle.ts';
import type { Change } from './lifecycle.ts';

/** How long a container may take to be gone after its init was killed. */
const GONE_MS = 10_000;

/**
 * Sends a signal to a container's init process. The kernel ends everything in the container when its init ends.
 *
 * @param signal default SIGKILL, after which it also waits until the container is stopped.
 * @throws LxcriError ContainerNotRunning, OperationFailed, and those of finding it.
 */
export async function killContainer(
  inventory: HostInventory,
  target: string,
  signal: NodeJS.Signals = 'SIGKILL',
  node?: string,
): Promise<Change> {
  const before = await containerStatus(inventory, target, node);
  const { container, status, initPid } = before;
  refuseUnreachable(before);
  if (initPid === undefined) {
    throw new LxcriError(
      'ContainerNotRunning',
      `container ${label(container)} is not running (${status}): there is no process to send ${signal} to`,
      'see what runs: proxmox-lxcri ps',
    );
  }
  try {
    process.kill(initPid, signal);
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
