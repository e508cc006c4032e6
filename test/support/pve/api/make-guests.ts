/** Making the guests of a cluster. */
import { type Container, createContainer } from '../../lxc.ts';
import type { ContainerSpec, VirtualMachineSpec } from './guest.ts';
import { type ClusterState, type Guest, nodeNamed } from './state.ts';

/** With the node that a test left out. */
export type Placed<Spec> = Spec & { readonly node: string };

/** None of them runs yet. The function is given each real one as soon as it is there. */
export async function makeContainers(
  cluster: ClusterState,
  specs: readonly Placed<ContainerSpec>[],
  made: (container: Container) => void,
): Promise<Guest[]> {
  const guests: Guest[] = [];
  for (const spec of specs) {
    const { vmid, node, pool, ha = false } = spec;
    const container = await realContainer(spec, nodeNamed(cluster, node)?.lxcpath);
    if (container !== undefined) made(container);
    guests.push({ vmid, type: 'lxc', node, pool, ha, haState: 'started', container, machineRuns: false });
  }
  return guests;
}

export function makeMachine({ vmid, node, pool, running = false }: Placed<VirtualMachineSpec>): Guest {
  const unreal = { ha: false, haState: 'started', container: undefined } as const;
  return { vmid, type: 'qemu', node, pool, ...unreal, machineRuns: running };
}

/** Waits for all of them, whatever happens to one. */
export async function startAll(containers: readonly Container[]): Promise<void> {
  const started = await Promise.allSettled(containers.map((container) => container.start()));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function realContainer(spec: ContainerSpec, lxcpath: string | undefined): Promise<Container | undefined> {
  const { vmid, kind, files = {}, lxcConfig: config = [], unprivileged = false } = spec;
  if (kind === undefined) return undefined;
  if (lxcpath === undefined) throw new Error(`container ${vmid} cannot be real on a node that is not there`);
  return createContainer({ kind, name: String(vmid), lxcpath, files, config, unprivileged });
}
