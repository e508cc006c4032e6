/**
 * A double of the Proxmox VE API: a cluster of nodes, each with HTTPS on a loopback port of its own, over real LXC
 * containers. It answers as the real one was recorded, in what it says and in what it does not.
 */
import type { Container } from '../../lxc.ts';
import { createPveTree, type PveContainer } from '../tree.ts';
import type { UserOptions } from './access/accounts.ts';
import { type Authority, createAuthority } from './certificates.ts';
import type { ContainerSpec, VirtualMachineSpec } from './guest.ts';
import { makeContainers, makeMachines, type Placed, startAll } from './make-guests.ts';
import type { MachineAgent } from './machine-agent.ts';
import { makeNode, reachNode, unmakeNode } from './make-node.ts';
import { type GrowingState, makeState } from './make-state.ts';
import { isOnline, type NodeReach, type NodeState } from './node-state.ts';
import type { Settings } from './settings.ts';
import { nodeNamed, type RecordedRequest } from './state.ts';

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
  /** The guest agent of a virtual machine that a container stands for. */
  agent(vmid: number): MachineAgent;
  /** A node's part of the host: its files, its containers, and how to run something there. */
  node(name: string): Pick<NodeState, 'tree' | 'lxcpath' | 'world' | 'tasks'>;
  /** Writes a container's configuration, again or for the first time, for all nodes to see. */
  putContainer(container: PveContainer): void;
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
    const errors: unknown[] = [];
    for (const step of cleanup.splice(0).toReversed()) {
      // One that fails must not keep the others.
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, `the cluster is not closed: ${String(errors[0])}`);
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
  const { nodes: names = ['pve1', 'pve2', 'pve3'], users = {}, settings = {}, addresses = {} } = options;
  const [home = 'pve1'] = names;
  const containers = placed(options.containers ?? [], home);
  const machines = placed(options.machines ?? [], home);
  const pooled = [...containers, ...machines].flatMap(({ vmid, pool }) =>
    pool === undefined ? [] : [[vmid, pool] as const],
  );
  const state = makeState({ users, settings, pools: new Map(pooled) });
  const authority = await createAuthority();
  const stranger = await authority.issue('stranger');
  const addressed = names.map((name) => ({ name, ip: addresses[name] ?? '127.0.0.1' }));
  for (const [index, { name, ip: address }] of addressed.entries()) {
    const tree = createPveTree({ node: name, containers, qemu: machines, members: addressed });
    const certificate = await authority.issue(name);
    const node = await makeNode(state, { name, id: index + 1, address, certificate, tree });
    state.nodes.push(node);
    cleanup.push(() => unmakeNode(node));
  }
  cleanup.push(() => state.forgetTimers());
  // Removed after the nodes: what these do to them must have ended.
  const remove = (each: Container): unknown => cleanup.unshift(() => each.destroy());
  const made = [...(await makeContainers(state, containers, remove)), ...(await makeMachines(state, machines, remove))];
  for (const guest of made) state.guests.set(guest.vmid, guest);
  const wanted = new Set(
    [...containers, ...machines].filter(({ running }) => running === true).map(({ vmid }) => vmid),
  );
  await startAll(made.flatMap(({ vmid, container }) => (wanted.has(vmid) && container ? [container] : [])));
  return handle(state, authority, {
    close,
    setNode: (name, reach) => setNode(state, found(nodeNamed(state, name), `node ${name}`), reach, stranger),
    putContainer: (container) => putContainer(state, container, home),
  });
}

/** What a test has in its hands. */
function handle(
  state: GrowingState,
  { caFile }: Authority,
  actions: Pick<Cluster, 'close' | 'setNode' | 'putContainer'>,
): Cluster {
  const hosts = state.nodes.map(({ name, wire, certificate }) => ({
    node: name,
    url: `https://127.0.0.1:${wire.port}`,
    port: wire.port,
    fingerprint: certificate.fingerprint,
    caFile,
  }));
  const hostOf = (name: string): Host | undefined => hosts.find(({ node }) => node === name);
  return {
    hosts,
    settings: state.settings,
    requests: state.requests,
    host: (name) => found(hostOf(name), `node ${name}`),
    tokenHeader: (user, token) => state.accounts.tokenHeader(user, token),
    container: (vmid) => found(state.guests.get(vmid)?.container, `real container ${vmid}`),
    agent: (vmid) => found(state.guests.get(vmid)?.agent, `guest agent ${vmid}`),
    node: (name) => found(nodeNamed(state, name), `node ${name}`),
    setNodeOffline: (name) => actions.setNode(name, 'refusing'),
    advanceClock: (seconds) => state.advanceClock(seconds),
    now: () => state.now(),
    ...actions,
  };
}

async function setNode(
  { nodes }: GrowingState,
  node: NodeState,
  reach: NodeReach,
  stranger: NodeState['certificate'],
): Promise<void> {
  await reachNode(node, reach, stranger);
  const members = nodes.map((each) => ({ name: each.name, ip: each.address, online: isOnline(each) }));
  for (const { tree } of nodes) tree.putMembers(members);
}

function putContainer({ nodes, guests }: GrowingState, container: PveContainer, home: string): void {
  const { vmid } = container;
  const known = guests.get(vmid);
  const node = container.node ?? known?.node ?? home;
  for (const { tree } of nodes) tree.putContainer({ ...container, node });
  if (known !== undefined) return;
  const unreal = { container: undefined, machineRuns: false, pool: undefined, ha: false, haState: 'started' } as const;
  guests.set(vmid, { vmid, type: 'lxc', node, ...unreal });
}

function placed<Spec extends { node?: string }>(specs: readonly Spec[], home: string): Placed<Spec>[] {
  return specs.map((spec) => ({ ...spec, node: spec.node ?? home }));
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what} in this cluster`);
  return value;
}
