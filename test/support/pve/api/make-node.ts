/** Making one node of a cluster, and taking it down again. */
import { scratchDirectory } from '../../lxc.ts';
import type { PveTree } from '../tree.ts';
import type { Certificate } from './certificates.ts';
import { Consoles } from './console/consoles.ts';
import { answer } from './front.ts';
import { endTerminalsIn } from './leftover-terminals.ts';
import type { NodeReach, NodeState } from './node-state.ts';
import { NodeWorld } from './node-world.ts';
import type { ClusterState } from './state.ts';
import { Tasks } from './tasks.ts';
import { openWire } from './wire.ts';

export interface NodeIdentity {
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly certificate: Certificate;
  readonly tree: PveTree;
}

/** It answers from now on. */
export async function makeNode(cluster: ClusterState, identity: NodeIdentity): Promise<NodeState> {
  const { name, tree } = identity;
  const lxcpath = scratchDirectory();
  const wire = await openWire(identity.certificate, {
    handle: (head, readBody) => answer(cluster, node, head, readBody),
    idleMs: () => cluster.settings.keepAliveMs,
  });
  const node: NodeState = {
    ...identity,
    lxcpath,
    wire,
    tasks: new Tasks(name, () => cluster.now()),
    world: new NodeWorld(name, tree, lxcpath),
    consoles: new Consoles(),
    reach: 'online',
  };
  return node;
}

/** Ends all that it has started, and then waits for its tasks. */
export async function unmakeNode(node: NodeState): Promise<void> {
  if (node.reach !== 'refusing') await node.wire.close();
  await node.tasks.close();
  endTerminalsIn(node.lxcpath);
  await node.world.close();
}

/** @param stranger what it shows when it is mistrusted. */
export async function reachNode(node: NodeState, reach: NodeReach, stranger: Certificate): Promise<void> {
  if (node.reach === reach) return;
  if (node.reach === 'refusing') await node.wire.listen();
  if (reach === 'refusing') await node.wire.close();
  node.wire.setSilent(reach === 'silent');
  node.wire.use(reach === 'mistrusted' ? stranger : node.certificate);
  node.reach = reach;
}
