/** What every node can tell of the whole cluster. */
import type { Call, Endpoint } from '../endpoint.ts';
import { containerStatus, machineStatus } from '../guest-status.ts';
import { isOnline, type NodeState } from '../node-state.ts';
import { type ClusterState, type Guest, nodeNamed } from '../state.ts';

export const VERSION = { version: '9.2.11', release: '9.2', repoid: '14a22df3' };

const version: Endpoint = { method: 'GET', path: '/version', access: 'all', run: () => VERSION };

const nodes: Endpoint = {
  method: 'GET',
  path: '/nodes',
  access: 'all',
  run: ({ cluster, caller }) =>
    cluster.nodes.map((node) => nodeEntry(node, cluster.accounts.may(caller, `/nodes/${node.name}`, 'Sys.Audit'))),
};

const clusterStatus: Endpoint = {
  method: 'GET',
  path: '/cluster/status',
  access: { path: '/', privilege: 'Sys.Audit' },
  protected: true,
  run({ cluster, node }) {
    const members = cluster.nodes.map((each) => ({
      type: 'node',
      id: `node/${each.name}`,
      name: each.name,
      nodeid: each.id,
      ip: each.address,
      local: each === node ? 1 : 0,
      online: isOnline(each) ? 1 : 0,
      level: '',
    }));
    if (members.length === 1) return members.map((member) => ({ ...member, nodeid: 0 }));
    const present = cluster.nodes.filter(isOnline).length;
    const quorate = present * 2 > members.length ? 1 : 0;
    const summary = { type: 'cluster', id: 'cluster', name: cluster.name, version: 3, nodes: members.length, quorate };
    return [summary, ...members];
  },
};

const resources: Endpoint = {
  method: 'GET',
  path: '/cluster/resources',
  access: 'all',
  parameters: { type: { values: ['vm', 'storage', 'node', 'sdn'] } },
  run(call) {
    const { type } = call.parameters;
    return [
      ...(type === undefined || type === 'vm' ? guestEntries(call) : []),
      ...(type === undefined || type === 'node' ? nodeEntries(call) : []),
    ];
  },
};

function nodeEntries({ cluster, caller }: Call): unknown[] {
  return cluster.nodes.map((node) => nodeEntry(node, cluster.accounts.may(caller, `/nodes/${node.name}`, 'Sys.Audit')));
}

function nodeEntry(node: NodeState, withDetails: boolean): Record<string, unknown> {
  const { name, certificate } = node;
  const numbers = { cpu: 0, maxcpu: 2, mem: 1 << 30, maxmem: 2 ** 34, disk: 1 << 30, maxdisk: 2 ** 36, uptime: 3600 };
  return {
    id: `node/${name}`,
    node: name,
    type: 'node',
    status: isOnline(node) ? 'online' : 'offline',
    ...(withDetails ? { level: '', ssl_fingerprint: certificate.fingerprint } : {}),
    ...(withDetails && isOnline(node) ? numbers : {}),
  };
}

function guestEntries({ cluster, caller }: Call): unknown[] {
  return [...cluster.guests.values()]
    .filter(({ vmid }) => cluster.accounts.may(caller, `/vms/${vmid}`, 'VM.Audit'))
    .map((guest) => ({
      ...statistics(cluster, guest),
      ...(guest.pool === undefined ? {} : { pool: guest.pool }),
      ...(guest.ha ? { hastate: guest.haState } : {}),
    }));
}

/** What was last told of each guest. */
const held = new WeakMap<ClusterState, Map<number, Record<string, unknown>>>();

function statistics(cluster: ClusterState, guest: Guest): Record<string, unknown> {
  const node = nodeNamed(cluster, guest.node);
  const { vmid, type } = guest;
  const unknown = { id: `${type}/${vmid}`, node: guest.node, type, vmid, status: 'unknown' };
  if (node === undefined || !isOnline(node) || cluster.settings.statistics === 'none') return unknown;
  const known = held.get(cluster) ?? new Map<number, Record<string, unknown>>();
  held.set(cluster, known);
  const last = known.get(vmid);
  if (last !== undefined && cluster.settings.statistics === 'held') return last;
  const entry = { ...unknown, ...told(node, guest) };
  known.set(vmid, entry);
  return entry;
}

const TOLD = 'name status template lock tags uptime cpu mem maxmem disk maxdisk netin netout diskread diskwrite'.split(
  ' ',
);

function told(node: NodeState, guest: Guest): Record<string, unknown> {
  const status = guest.type === 'lxc' ? containerStatus(node, guest.vmid) : machineStatus(node, guest);
  const some = Object.fromEntries(TOLD.filter((key) => key in status).map((key) => [key, status[key]]));
  return {
    template: 0,
    ...some,
    maxcpu: status['cpus'],
    ...(status['status'] === 'stopped' ? { memhost: 0 } : {}),
  };
}

export const CLUSTER: readonly Endpoint[] = [version, nodes, clusterStatus, resources];
