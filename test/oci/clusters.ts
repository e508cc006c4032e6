/** Clusters that are asked over their API, for what takes them. */
import type { Cluster } from '../../src/oci/cluster.ts';

/** A cluster that remembers nothing, and whose nodes nobody reaches by ssh. */
export function clusterOf(client: Cluster['client'], given: Partial<Cluster> = {}): Cluster {
  return {
    name: 'home',
    bare: true,
    alone: true,
    current: true,
    client,
    routes: [],
    login: 'token',
    endpoints: { isAbsent: () => false, keepAbsent: () => {} },
    ssh: (node) => ({ destination: node, options: [], sudo: false }),
    ...given,
  };
}
