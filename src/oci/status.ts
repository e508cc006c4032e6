import type { ContainerState } from '../lxc/state.ts';
import { lxcStates } from '../lxc/states.ts';
import type { Container } from '../model/container.ts';
import type { ContainerStatus, Status } from '../model/status.ts';
import { find } from './find.ts';
import type { HostInventory } from './locate.ts';
import { parseReference } from './reference.ts';

/**
 * Finds a container, and what it is doing now.
 *
 * @param target the container reference as typed.
 * @param node the Proxmox node the user named.
 * @throws LxcriError as `parseReference` and `find`; the reason of `abort`.
 */
export async function containerStatus(
  inventory: HostInventory,
  target: string,
  node?: string,
  abort?: AbortSignal,
): Promise<ContainerStatus> {
  return currentStatus(await find(parseReference(target), inventory, node, 'host', abort), abort);
}

/**
 * What a container is doing now.
 *
 * @param abort ends a question to another host; this rejects with its reason.
 */
export async function currentStatus(container: Container, abort?: AbortSignal): Promise<ContainerStatus> {
  if (container.control !== undefined)
    return { container, status: await container.control.status(abort), initPid: container.control.initPid?.() };
  const [state] = await lxcStates(container.lxc === undefined ? [] : [container.lxc]);
  return withState(container, state);
}

/** A container with the state that LXC tells of it. */
export function withState(container: Container, state: ContainerState | undefined): ContainerStatus {
  return { container, status: statusOf(state?.state ?? 'STOPPED'), initPid: state?.initPid };
}

/** LXC says `THAWED` of a container that runs again. */
function statusOf(state: ContainerState['state']): Status {
  return state === 'THAWED' ? 'running' : (state.toLowerCase() as Status);
}
