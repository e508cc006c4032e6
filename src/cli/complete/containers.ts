import type { Settings } from '../../config/keys.ts';
import { candidates } from '../../oci/find.ts';
import { listContainers } from '../../oci/list.ts';
import { hostInventory } from '../../oci/locate.ts';
import { clustersOf } from '../inventory.ts';
import type { Nameable } from './references.ts';
import { timeLeftMs } from './time-left.ts';

/** The containers of this host, for root; for others, and where they cannot be listed, there are none. */
export async function hostContainers(settings: Settings): Promise<Nameable[]> {
  if (process.geteuid?.() !== 0) return [];
  try {
    const containers = await listContainers(hostInventory(settings));
    return containers.map((container) => ({ ...container, isBare: true, hasScheme: true }));
  } catch {
    return [];
  }
}

/** The containers of the other nodes of this host's Proxmox cluster, which commands reach over ssh. */
export function otherNodes(settings: Settings): Nameable[] {
  if (process.geteuid?.() !== 0) return [];
  const { pve } = hostInventory(settings);
  return pve.otherNodes.flatMap((node) =>
    pve
      .containers(node)
      .map(({ vmid, hostname }): Nameable => ({ ...ON_OTHER_NODE, node, id: vmid, name: hostname ?? vmid })),
  );
}

/** What its configuration, which is all that is here, does not tell. */
const ON_OTHER_NODE = {
  platform: 'proxmox',
  type: 'lxc',
  context: null,
  status: 'unknown',
  lxcpath: null,
  isBare: true,
  hasScheme: true,
} as const;

/**
 * The guests of the clusters, or of the one that is named: asked for where the answer comes soon, else as they were told
 * the last time. No secret is asked for.
 */
export async function guests({ stateDirectory }: Settings, context: string | undefined): Promise<Nameable[]> {
  const clusters = await clustersOf(stateDirectory, { context, silent: true });
  const { listKnownGuests } = await import('../../oci/cluster.ts');
  const found = await listKnownGuests(clusters, AbortSignal.timeout(timeLeftMs()));
  const named = (hasScheme: boolean): Set<string> => new Set(candidates(clusters, hasScheme).map(({ name }) => name));
  const [bare, schemed] = [named(false), named(true)];
  return found.map((guest) => {
    const { context: cluster } = guest;
    return { ...guest, isBare: bare.has(cluster ?? ''), hasScheme: schemed.has(cluster ?? '') };
  });
}
