import type { Container } from '../model/container.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { Cluster } from './cluster.ts';
import { locate } from './locate.ts';
import type { HostInventory, Reach } from './locate.ts';
import type { Reference } from './reference.ts';

/** What says that a container is not on this host, and may be elsewhere. */
const NOT_HERE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ContainerNotFound',
  'PlatformUnreachable',
  'NoMethodAvailable',
]);

/**
 * Finds the one container that a reference means: on this host first, then in the clusters of the inventory; with a
 * context in it, in the cluster of that one alone.
 *
 * @param node the Proxmox node the user named.
 * @param reach as of `locate`.
 * @param abort ends the questions to clusters.
 * @throws LxcriError as `locate`, and as the clusters' answers; the reason of `abort`.
 */
export async function find(
  reference: Reference,
  inventory: HostInventory,
  node?: string,
  reach: Reach = 'host',
  abort?: AbortSignal,
): Promise<Container> {
  if (reference.scheme === 'docker') return findInDocker(reference, inventory, node, abort);
  if (reference.scheme === 'k8s') return findInKubernetes(reference, inventory, node, abort);
  if (reference.scheme === 'vsock') return findMicrovm(reference, inventory, node);
  const { context } = reference;
  if (context !== undefined && inventory.clusters !== undefined)
    return findInContext(reference, context, await inventory.clusters(), node, abort);
  // Contexts know more of a node than its name does.
  const near = inventory.clusters !== undefined && !inventory.pve.present ? 'host' : reach;
  try {
    return locate(reference, inventory, node, near);
  } catch (error) {
    const { scheme } = reference;
    const isOfProxmox = scheme === undefined || scheme === 'pve' || scheme === 'vm';
    if (!isLxcriError(error) || !NOT_HERE.has(error.code)) throw error;
    const here = isOfProxmox || scheme === 'lxc' ? (inventory.closed ?? error) : error;
    if (inventory.clusters === undefined || !isOfProxmox) throw here;
    const all = await inventory.clusters();
    const clusters = candidates(all, scheme !== undefined);
    if (all.length === 0) throw here;
    if (clusters.length === 0) throw notAsked(here, reference);
    const { findGuest } = await import('./cluster.ts');
    return findGuest(reference, clusters, node, abort);
  }
}

/** What names a cluster or a node of Proxmox has no meaning elsewhere. That somebody is not root says nothing there. */
function refuseProxmoxWords(closed: HostInventory['closed'], node: string | undefined, what: string): void {
  if (closed?.code === 'UsageError') throw closed;
  if (node !== undefined)
    throw new LxcriError('UsageError', `--node names a node of Proxmox, and ${what}`, 'leave out one of the two');
}

/** Asks the engine that the caller's variables and configuration say. */
async function findInDocker(
  { id }: Reference,
  { docker = process.env, closed }: HostInventory,
  node: string | undefined,
  abort: AbortSignal | undefined,
): Promise<Container> {
  refuseProxmoxWords(closed, node, 'docker: a container of Docker');
  const { engineOf, findContainer } = await import('../methods/docker/room.ts');
  return findContainer(engineOf(docker), id, abort);
}

/** Asks the cluster of the current context of the caller's kubeconfig. */
async function findInKubernetes(
  { id }: Reference,
  { kubernetes = process.env, closed }: HostInventory,
  node: string | undefined,
  abort: AbortSignal | undefined,
): Promise<Container> {
  refuseProxmoxWords(closed, node, 'k8s: a pod of Kubernetes');
  const { clusterOf, findPod } = await import('../methods/kubernetes/room.ts');
  return findPod(await clusterOf(kubernetes, abort), id, abort);
}

/** It is where the reference says; nothing is asked. */
async function findMicrovm({ id }: Reference, { closed }: HostInventory, node: string | undefined): Promise<Container> {
  refuseProxmoxWords(closed, node, 'vsock: a microVM of this host');
  const { findGuest } = await import('../methods/vsock/room.ts');
  return findGuest(id);
}

/** Which contexts there are is known here; this host is not asked. */
async function findInContext(
  reference: Reference,
  context: string,
  all: readonly Cluster[],
  node: string | undefined,
  abort: AbortSignal | undefined,
): Promise<Container> {
  const clusters = all.filter(({ name }) => name === context);
  if (clusters.length === 0) {
    throw new LxcriError(
      'ConfigError',
      `there is no context ${JSON.stringify(context)} to be asked`,
      all.length === 0 ? 'see: proxmox-lxcri context' : `there are: ${all.map(({ name }) => name).join(', ')}`,
    );
  }
  const { findGuest } = await import('./cluster.ts');
  return findGuest(reference, clusters, node, abort);
}

/** A cluster that is not marked for such words may have what was meant. */
function notAsked({ code, message, hint = '' }: LxcriError, { id }: Reference): LxcriError {
  return new LxcriError(code, message, `${hint}; for a container of a cluster: pve:${id}@CONTEXT`);
}

/** A word without a scheme may mean a guest of every cluster that is marked so; one with a scheme, of the current one. */
export function candidates(clusters: readonly Cluster[], hasScheme: boolean): readonly Cluster[] {
  if (!hasScheme) return clusters.filter(({ bare }) => bare);
  const current = clusters.filter((cluster) => cluster.current);
  return current.length > 0 ? current : clusters;
}
