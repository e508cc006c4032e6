/** Making the guests of a cluster. */
import { type Container, createContainer } from '../../lxc.ts';
import type { ContainerSpec, VirtualMachineSpec } from './guest.ts';
import { MachineAgent } from './machine-agent.ts';
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

/** Those that a real container stands for have a guest agent that runs commands in it. */
export async function makeMachines(
  cluster: ClusterState,
  specs: readonly Placed<VirtualMachineSpec>[],
  made: (container: Container) => void,
): Promise<Guest[]> {
  const guests: Guest[] = [];
  for (const spec of specs) {
    const { vmid, node, pool, running = false, os } = spec;
    const container = await realContainer(spec, nodeNamed(cluster, node)?.lxcpath);
    if (container !== undefined) made(container);
    const agent = container === undefined ? {} : { agent: new MachineAgent(container, cluster.settings, os) };
    const common = { ha: false, haState: 'started', container, machineRuns: running } as const;
    guests.push({ vmid, type: 'qemu', node, pool, ...common, ...agent });
  }
  return guests;
}

/** Waits for all of them, whatever happens to one. */
export async function startAll(containers: readonly Container[]): Promise<void> {
  const started = await Promise.allSettled(containers.map((container) => container.start()));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function realContainer(
  spec: Pick<ContainerSpec, 'vmid' | 'kind' | 'files' | 'lxcConfig' | 'unprivileged'>,
  lxcpath: string | undefined,
): Promise<Container | undefined> {
  const { vmid, kind, files = {}, lxcConfig: config = [], unprivileged = false } = spec;
  if (kind === undefined) return undefined;
  if (lxcpath === undefined) throw new Error(`container ${vmid} cannot be real on a node that is not there`);
  return createContainer({ kind, name: String(vmid), lxcpath, files, config, unprivileged });
}
