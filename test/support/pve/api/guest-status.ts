/** What the API tells of a guest's state. Loads and sizes are made up; who runs, and since when, is true. */
import { type Configuration, loadConfiguration } from './configuration.ts';
import type { NodeState } from './node-state.ts';
import { initOf, runningContainers } from './running.ts';
import { type ClusterState, type Guest, guestsOn } from './state.ts';

const MIB = 1024 * 1024;
const PRESSURES = ['cpu', 'io', 'memory'].flatMap((what) => [`pressure${what}some`, `pressure${what}full`]);

/** One element of /nodes/{node}/lxc. */
export function containerStatus(node: NodeState, vmid: number): Record<string, unknown> {
  const { current } = loadConfiguration(node, 'lxc', vmid);
  const running = runningContainers(node.lxcpath).has(vmid);
  return {
    vmid,
    type: 'lxc',
    name: current.get('hostname') ?? `CT${vmid}`,
    status: running ? 'running' : 'stopped',
    cpus: Number(current.get('cores') ?? 1),
    cpu: 0,
    maxmem: Number(current.get('memory') ?? 512) * MIB,
    maxswap: Number(current.get('swap') ?? 0) * MIB,
    maxdisk: 4096 * MIB,
    mem: running ? MIB : 0,
    swap: 0,
    disk: running ? 512 * MIB : 0,
    diskread: 0,
    diskwrite: 0,
    netin: 0,
    netout: 0,
    uptime: 0,
    ...(running ? { ...initOf(node.lxcpath, vmid), ...Object.fromEntries(PRESSURES.map((key) => [key, null])) } : {}),
    ...marks(current),
  };
}

/** One element of /nodes/{node}/qemu. */
export function machineStatus(node: NodeState, guest: Guest): Record<string, unknown> {
  const { vmid, machineRuns } = guest;
  const { current } = loadConfiguration(node, 'qemu', vmid);
  return {
    vmid,
    name: current.get('name') ?? `VM ${vmid}`,
    status: machineRuns ? 'running' : 'stopped',
    cpus: Number(current.get('cores') ?? 1),
    cpu: 0,
    maxmem: Number(current.get('memory') ?? 512) * MIB,
    maxdisk: 4096 * MIB,
    mem: 0,
    disk: 0,
    diskread: 0,
    diskwrite: 0,
    netin: 0,
    netout: 0,
    uptime: machineRuns ? 1 : 0,
    ...(machineRuns ? { pid: process.pid } : {}),
    ...marks(current),
  };
}

export function haStatus({ ha, haState }: Guest): Record<string, unknown> {
  return ha ? { managed: 1, state: haState } : { managed: 0 };
}

/** What is only there where it is set. */
function marks(current: Configuration['current']): Record<string, unknown> {
  const lock = current.get('lock');
  const tags = current.get('tags');
  return {
    ...(lock === undefined ? {} : { lock }),
    ...(tags === undefined ? {} : { tags }),
    ...(current.get('template') === '1' ? { template: 1 } : {}),
  };
}

export function allStatuses(cluster: ClusterState, node: NodeState, type: Guest['type']): Record<string, unknown>[] {
  return guestsOn(cluster, node.name, type).map((guest) =>
    type === 'lxc' ? containerStatus(node, guest.vmid) : machineStatus(node, guest),
  );
}
