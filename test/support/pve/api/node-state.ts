/** One node of the cluster, as the double keeps it. */
import type { PveTree } from '../tree.ts';
import type { Certificate } from './certificates.ts';
import type { Consoles } from './console/consoles.ts';
import type { Tasks } from './tasks.ts';
import type { Wire } from './wire.ts';
import type { NodeWorld } from './node-world.ts';

/**
 * `refusing`: nothing listens. `silent`: connections are taken and never answered. `mistrusted`: it shows another
 * certificate than the others know. All but `online` count as offline in the cluster, except the last.
 */
export type NodeReach = 'online' | 'refusing' | 'silent' | 'mistrusted';

export interface NodeState {
  readonly name: string;
  readonly id: number;
  /** Where the cluster says it is. */
  readonly address: string;
  readonly lxcpath: string;
  readonly tree: PveTree;
  readonly certificate: Certificate;
  readonly wire: Wire;
  readonly tasks: Tasks;
  readonly consoles: Consoles;
  readonly world: NodeWorld;
  reach: NodeReach;
}

/** Whether the cluster counts it as a member that is there. */
export function isOnline({ reach }: NodeState): boolean {
  return reach === 'online' || reach === 'mistrusted';
}
