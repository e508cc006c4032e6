import { lxcStates } from '../lxc/states.ts';
import type { ContainerState } from '../lxc/state.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { LxcHandle } from '../model/container.ts';
import type { ContainerStatus, ContainerSummary } from '../model/status.ts';
import { startedAt } from '../process/start-time.ts';
import type { Cluster, ClusterList } from './cluster.ts';
import { allContainers, fullReference, guestReference } from './locate.ts';
import type { HostInventory } from './locate.ts';
import { withState } from './status.ts';

/**
 * Every container of this host, with what it is doing now.
 *
 * @returns Proxmox's own first, then those of each directory of LXC, in no other order.
 * @throws LxcriError PlatformUnreachable when containers cannot be listed.
 */
export async function listContainers(inventory: HostInventory): Promise<ContainerSummary[]> {
  return (await listEverything(inventory)).containers;
}

/** A list, and what is missing in it. */
export interface List {
  readonly containers: ContainerSummary[];
  /** Clusters that could not be asked, by their contexts, `docker` for an engine, and `kubernetes`. */
  readonly unreachable: readonly { readonly context: string; readonly error: LxcriError }[];
}

/**
 * Every container of this host and of the Docker engine, every pod of the current context of Kubernetes, and every guest
 * of the clusters of the inventory.
 *
 * @param late its reason, an LxcriError, becomes that of each cluster that has not answered until then.
 * @throws LxcriError PlatformUnreachable when the containers of this host cannot be listed; the reason of `abort`.
 */
export async function listEverything(inventory: HostInventory, abort?: AbortSignal, late?: AbortSignal): Promise<List> {
  const { clusters, docker, kubernetes } = inventory;
  const [ofHost, ofDocker, ofKubernetes, ofClusters] = await Promise.all([
    listHost(inventory),
    docker === undefined ? NOTHING : listDocker(docker, abort, late),
    kubernetes === undefined ? NOTHING : listKubernetes(kubernetes, abort, late),
    clusters === undefined ? NOTHING : listOthers(clusters, abort, late),
  ]);
  // This host may be a node of the cluster.
  const known = new Set(ofHost.filter(({ node }) => node !== null).map(({ node, id }) => `${node}/${id}`));
  const others = ofClusters.containers.filter(({ node, id }) => !known.has(`${node}/${id}`));
  const taken = new Set(ofHost.flatMap(({ id, name }) => [id, name]));
  const guests = others.map((guest) =>
    // What a word means is looked for on this host first, and on the other nodes of its own cluster.
    guest.context !== null &&
    guest.type !== 'docker' &&
    guest.type !== 'pod' &&
    (inventory.pve.present || taken.has(guest.id))
      ? { ...guest, reference: guestReference(guest.type, guest.id, guest.context) }
      : guest,
  );
  return {
    containers: [...ofHost, ...ofDocker.containers, ...ofKubernetes.containers, ...guests],
    unreachable: [...ofDocker.unreachable, ...ofKubernetes.unreachable, ...ofClusters.unreachable],
  };
}

const NOTHING: List = { containers: [], unreachable: [] };

/**
 * The containers of the Docker engine, where there is one: one that was named must answer, and there need be none at the
 * usual place.
 */
async function listDocker(
  env: NodeJS.ProcessEnv,
  abort: AbortSignal | undefined,
  late: AbortSignal | undefined,
): Promise<List> {
  const {
    engineOf,
    isEndpointChosen,
    isThere,
    listContainers: listOfEngine,
  } = await import('../methods/docker/room.ts');
  const signals = [abort, late].filter((signal) => signal !== undefined);
  try {
    if (!isEndpointChosen(env) && !(await isThere())) return NOTHING;
    return { containers: await listOfEngine(engineOf(env), AbortSignal.any(signals)), unreachable: [] };
  } catch (error) {
    abort?.throwIfAborted();
    if (!isLxcriError(error)) throw error;
    // It does not say who is late.
    const named =
      error === late?.reason ? new LxcriError(error.code, `the Docker engine: ${error.message}`, error.hint) : error;
    return { containers: [], unreachable: [{ context: 'docker', error: named }] };
  }
}

/** The pods of the namespace of the current context, where there is a kubeconfig. */
async function listKubernetes(
  env: NodeJS.ProcessEnv,
  abort: AbortSignal | undefined,
  late: AbortSignal | undefined,
): Promise<List> {
  if (env['KUBECONFIG'] === undefined && env['HOME'] === undefined) return NOTHING;
  const { clusterOf, isClusterChosen, listPods } = await import('../methods/kubernetes/room.ts');
  const signals = [abort, late].filter((signal) => signal !== undefined);
  try {
    if (!isClusterChosen(env)) return NOTHING;
    const ending = AbortSignal.any(signals);
    return { containers: await listPods(await clusterOf(env, ending), ending), unreachable: [] };
  } catch (error) {
    abort?.throwIfAborted();
    if (!isLxcriError(error)) throw error;
    return { containers: [], unreachable: [{ context: 'kubernetes', error }] };
  }
}

async function listOthers(
  clusters: () => Promise<readonly Cluster[]>,
  abort: AbortSignal | undefined,
  late: AbortSignal | undefined,
): Promise<ClusterList> {
  const { listClusters } = await import('./cluster.ts');
  return listClusters(await clusters(), abort, late);
}

async function listHost(inventory: HostInventory): Promise<ContainerSummary[]> {
  const containers = allContainers(inventory);
  const handles = containers.map(({ lxc }) => lxc).filter((lxc) => lxc !== undefined);
  const states = await lxcStates(handles);
  const stateOf = new Map<LxcHandle, ContainerState>();
  for (const [index, state] of states.entries()) {
    const handle = handles[index];
    if (handle !== undefined) stateOf.set(handle, state);
  }
  const isAmbiguous = ambiguousNames(containers.flatMap(({ id, name }) => (id === name ? [id] : [id, name])));
  return containers.map((container) => {
    const status = withState(container, container.lxc && stateOf.get(container.lxc));
    return summaryOf(status, isAmbiguous(container.id) ? fullReference(container) : container.id);
  });
}

function ambiguousNames(words: readonly string[]): (word: string) => boolean {
  const seen = new Set<string>();
  const ambiguous = new Set<string>();
  for (const word of words) {
    if (seen.has(word)) ambiguous.add(word);
    seen.add(word);
  }
  return (word) => ambiguous.has(word);
}

function summaryOf({ container, status, initPid }: ContainerStatus, reference: string): ContainerSummary {
  const { id, name, platform, node, lock, lxc } = container;
  const started = initPid === undefined ? undefined : startedAt(initPid);
  return {
    reference,
    id,
    name,
    platform,
    type: 'lxc',
    context: null,
    node: node ?? null,
    status,
    pid: initPid ?? null,
    startedAt: started?.toISOString() ?? null,
    lock: lock ?? null,
    tags: [],
    pool: null,
    lxcpath: lxc?.lxcpath ?? null,
  };
}
