/**
 * A double of the Proxmox VE API: a cluster of nodes, each with HTTPS on a loopback port of its own, over real LXC
 * containers. It answers as the real one was recorded, in what it says and in what it does not.
 */
import { type Container, createContainer, scratchDirectory } from '../../lxc.ts';
import { createPveTree, type PveMember } from '../tree.ts';
import { Accounts, type UserOptions } from './access/accounts.ts';
import { Tickets } from './access/tickets.ts';
import { createAuthority } from './certificates.ts';
import { Consoles } from './console/consoles.ts';
import { answer } from './front.ts';
import type { ContainerSpec, VirtualMachineSpec } from './guest.ts';
import { endTerminalsIn } from './leftover-terminals.ts';
import { isOnline, type NodeReach, type NodeState } from './node-state.ts';
import { NodeWorld } from './node-world.ts';
import { REAL_SETTINGS, type Settings } from './settings.ts';
import { type ClusterState, type Guest, nodeNamed, type RecordedRequest } from './state.ts';
import { Tasks } from './tasks.ts';
import { openWire } from './wire.ts';

export interface ClusterOptions {
  /** Default: pve1, pve2 and pve3. */
  nodes?: readonly string[];
  /** Those without a node are on the first one; a node that is not in the cluster is one whose name leads nowhere. */
  containers?: readonly ContainerSpec[];
  machines?: readonly VirtualMachineSpec[];
  /** `root@pam` is always there. */
  users?: Readonly<Record<string, UserOptions>>;
  /** What the cluster says of its nodes' addresses, for who goes there by ssh; the API is on 127.0.0.1. */
  addresses?: Readonly<Record<string, string>>;
  settings?: Partial<Settings>;
}

export interface Host {
  readonly node: string;
  readonly url: string;
  readonly port: number;
  /** SHA-256 of the node's certificate, as Proxmox writes it. */
  readonly fingerprint: string;
  /** The authority that signed it. */
  readonly caFile: string;
}

export interface Cluster {
  readonly hosts: readonly Host[];
  /** May be changed while it runs. */
  readonly settings: Settings;
  /** All requests that were answered so far, of all nodes. */
  readonly requests: RecordedRequest[];
  host(node: string): Host;
  /** The value for an Authorization header. */
  tokenHeader(user: string, token: string): string;
  /** The real container behind an id. */
  container(vmid: number): Container;
  /** A node's part of the host: its files, its containers, and how to run something there. */
  node(name: string): Pick<NodeState, 'tree' | 'lxcpath' | 'world' | 'tasks'>;
  /** Writes a container's configuration anew, on all nodes. */
  putContainer(spec: ContainerSpec): void;
  setNode(name: string, reach: NodeReach): Promise<void>;
  setNodeOffline(name: string): Promise<void>;
  /** Lets time pass for tickets. */
  advanceClock(seconds: number): void;
  /** In seconds since 1970, by the cluster's clock. */
  now(): number;
  close(): Promise<void>;
}

/** Closed again if only some of it can be made. */
export async function createCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cleanup: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of cleanup.splice(0).toReversed()) await step();
  };
  try {
    return await assemble(options, cleanup, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  options: ClusterOptions,
  cleanup: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Cluster> {
  const {
    nodes: names = ['pve1', 'pve2', 'pve3'],
    containers = [],
    machines = [],
    users = {},
    addresses = {},
  } = options;
  const [home = 'pve1'] = names;
  const placed = containers.map((spec) => ({ ...spec, node: spec.node ?? home }));
  const placedMachines = machines.map((spec) => ({ ...spec, node: spec.node ?? home }));
  const settings: Settings = { ...REAL_SETTINGS, ...options.settings };
  const addressOf = (name: string): string => addresses[name] ?? '127.0.0.1';
  const timers = new Set<NodeJS.Timeout>();
  let offset = 0;
  const now = (): number => Date.now() / 1000 + offset;
  const nodes: NodeState[] = [];
  const guests = new Map<number, Guest>();
  const pooled = [...placed, ...placedMachines].flatMap(({ vmid, pool }) =>
    pool === undefined ? [] : [[vmid, pool] as const],
  );
  const state: ClusterState = {
    name: 'test',
    settings,
    accounts: new Accounts(users, new Map(pooled)),
    tickets: new Tickets(now, () => settings.ticketLifetimeSeconds),
    nodes,
    guests,
    requests: [],
    now,
    later(milliseconds, action) {
      const timer = setTimeout(() => (timers.delete(timer), action()), milliseconds);
      timers.add(timer);
    },
  };
  const authority = await createAuthority();
  const stranger = await authority.issue('stranger');
  for (const [index, name] of names.entries()) {
    const lxcpath = scratchDirectory();
    const members = names.map((each) => ({ name: each, ip: addressOf(each) }));
    const tree = createPveTree({ node: name, containers: placed, qemu: placedMachines, members });
    const certificate = await authority.issue(name);
    const tasks = new Tasks(name, now);
    const world = new NodeWorld(name, tree, lxcpath);
    const wire = await openWire(certificate, {
      handle: (head, readBody) => answer(state, node, head, readBody),
      idleMs: () => settings.keepAliveMs,
    });
    const own = { lxcpath, tree, certificate, tasks, world, wire, consoles: new Consoles() };
    const node: NodeState = { name, id: index + 1, address: addressOf(name), reach: 'online', ...own };
    nodes.push(node);
    cleanup.push(async () => {
      if (node.reach !== 'refusing') await wire.close();
      await tasks.close();
      endTerminalsIn(lxcpath);
      await world.close();
    });
  }
  cleanup.push(() => timers.forEach((timer) => clearTimeout(timer)));
  for (const spec of placed) {
    const { vmid, node, pool, ha = false } = spec;
    const container = await realContainer(spec, nodeNamed(state, node)?.lxcpath);
    // After the nodes: what they do to it must have ended.
    if (container !== undefined) cleanup.unshift(() => container.destroy());
    guests.set(vmid, { vmid, type: 'lxc', node, pool, ha, haState: 'started', container, machineRuns: false });
  }
  for (const { vmid, node, pool, running = false } of placedMachines) {
    const machine = { ha: false, haState: 'started', container: undefined, machineRuns: running } as const;
    guests.set(vmid, { vmid, type: 'qemu', node, pool, ...machine });
  }
  const wanted = placed.flatMap(({ vmid, running = false }) => (running ? (guests.get(vmid)?.container ?? []) : []));
  const started = await Promise.allSettled(wanted.map((container) => container.start()));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const hosts = nodes.map(({ name, wire, certificate }) => ({
    node: name,
    url: `https://127.0.0.1:${wire.port}`,
    port: wire.port,
    fingerprint: certificate.fingerprint,
    caFile: authority.caFile,
  }));
  const setNode = async (name: string, reach: NodeReach): Promise<void> => {
    await reachNode(found(nodeNamed(state, name), `node ${name}`), reach, stranger);
    const members: PveMember[] = nodes.map((node) => ({
      name: node.name,
      ip: node.address,
      online: isOnline(node),
    }));
    for (const { tree } of nodes) tree.putMembers(members);
  };
  return {
    hosts,
    settings,
    requests: state.requests,
    host: (name) =>
      found(
        hosts.find((host) => host.node === name),
        `node ${name}`,
      ),
    tokenHeader: (user, token) => state.accounts.tokenHeader(user, token),
    container: (vmid) => found(guests.get(vmid)?.container, `real container ${vmid}`),
    node: (name) => found(nodeNamed(state, name), `node ${name}`),
    putContainer: (spec) => nodes.forEach(({ tree }) => tree.putContainer({ node: home, ...spec })),
    setNode,
    setNodeOffline: (name) => setNode(name, 'refusing'),
    advanceClock: (seconds) => void (offset += seconds),
    now,
    close,
  };
}

async function reachNode(node: NodeState, reach: NodeReach, stranger: NodeState['certificate']): Promise<void> {
  if (node.reach === reach) return;
  if (node.reach === 'refusing') await node.wire.listen();
  if (reach === 'refusing') await node.wire.close();
  node.wire.setSilent(reach === 'silent');
  node.wire.use(reach === 'mistrusted' ? stranger : node.certificate);
  node.reach = reach;
}

async function realContainer(spec: ContainerSpec, lxcpath: string | undefined): Promise<Container | undefined> {
  const { vmid, kind, files = {}, lxcConfig: config = [], unprivileged = false } = spec;
  if (kind === undefined) return undefined;
  if (lxcpath === undefined) throw new Error(`container ${vmid} cannot be real on a node that is not there`);
  return createContainer({ kind, name: String(vmid), lxcpath, files, config, unprivileged });
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what} in this cluster`);
  return value;
}
