import type { Settings } from '../../config/keys.ts';
import { candidates } from '../../oci/find.ts';
import { listContainers } from '../../oci/list.ts';
import { hostInventory } from '../../oci/locate.ts';
import { clustersOf } from '../inventory.ts';
import type { Nameable } from './references.ts';

/** A key press and its answer are felt as one up to here; with what starts and ends us. */
const WHOLE_MS = 110;

/** On a host that takes long to start us, a cluster gets this nevertheless. */
const LEAST_MS = 40;

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

/**
 * The guests of the clusters, or of the one that is named: asked for where the answer comes soon, else as they were told
 * the last time. No secret is asked for.
 */
export async function guests({ stateDirectory }: Settings, context: string | undefined): Promise<Nameable[]> {
  const clusters = await clustersOf(stateDirectory, { context, silent: true });
  const { listKnownGuests } = await import('../../oci/cluster.ts');
  const leftMs = Math.max(LEAST_MS, Math.round(WHOLE_MS - process.uptime() * 1000));
  const found = await listKnownGuests(clusters, AbortSignal.timeout(leftMs));
  const named = (hasScheme: boolean): Set<string> => new Set(candidates(clusters, hasScheme).map(({ name }) => name));
  const [bare, schemed] = [named(false), named(true)];
  return found.map((guest) => {
    const { context: cluster } = guest;
    return { ...guest, isBare: bare.has(cluster ?? ''), hasScheme: schemed.has(cluster ?? '') };
  });
}
