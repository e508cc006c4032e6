/** All that the nodes of one cluster have in common. */
import type { Container } from '../../lxc.ts';
import type { Accounts } from './access/accounts.ts';
import type { Tickets } from './access/tickets.ts';
import type { MachineAgent } from './machine-agent.ts';
import type { GuestType } from './configuration.ts';
import type { NodeState } from './node-state.ts';
import type { Settings } from './settings.ts';

export interface Guest {
  readonly vmid: number;
  readonly type: GuestType;
  /** May be one that is not among the cluster's nodes: its name leads nowhere then. */
  readonly node: string;
  readonly pool: string | undefined;
  readonly ha: boolean;
  /** What the HA manager was last told to bring about. */
  haState: 'started' | 'stopped';
  /** The real one, or what stands for a virtual machine, where there is one. */
  readonly container: Container | undefined;
  /** Of a virtual machine, which is never real. */
  readonly machineRuns: boolean;
  /** Of a virtual machine that a container stands for. */
  readonly agent?: MachineAgent;
}

/** One request that a node has answered, or one that it passed on (then each node has its own). */
export interface RecordedRequest {
  readonly node: string;
  readonly method: string;
  /** With its query, without the values of tickets. */
  readonly path: string;
  readonly status: number;
  /** Came from another node. */
  readonly forwarded: boolean;
}

export interface ClusterState {
  readonly name: string;
  readonly settings: Settings;
  readonly accounts: Accounts;
  readonly tickets: Tickets;
  readonly nodes: readonly NodeState[];
  readonly guests: ReadonlyMap<number, Guest>;
  readonly requests: RecordedRequest[];
  /** In seconds since 1970; tests can move it. */
  now(): number;
  /** Does something after a while, unless the cluster is closed before. */
  later(milliseconds: number, action: () => void): void;
}

export function nodeNamed(cluster: ClusterState, name: string): NodeState | undefined {
  return cluster.nodes.find((node) => node.name === name);
}

/** Guests on a node, in the order of their ids. */
export function guestsOn(cluster: ClusterState, node: string, type: GuestType): Guest[] {
  const all = [...cluster.guests.values()].filter((guest) => guest.node === node && guest.type === type);
  return all.toSorted((a, b) => a.vmid - b.vmid);
}
