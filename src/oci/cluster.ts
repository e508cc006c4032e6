import type { Container, SshTarget } from '../model/container.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { ApiAccess } from '../model/remote.ts';
import type { ContainerSummary } from '../model/status.ts';
import { accessTo } from '../proxmox/access.ts';
import type { ApiClient } from '../proxmox/api/client.ts';
import { controlOf } from '../proxmox/api/control.ts';
import { listGuests } from '../proxmox/api/guests.ts';
import type { Guest, GuestMemory } from '../proxmox/api/guests.ts';
import { requirePrivilege } from '../proxmox/api/permissions.ts';
import type { EndpointMemory } from '../proxmox/exec-endpoint.ts';
import { untilAborted } from '../process/until-aborted.ts';
import { guestReference } from './locate.ts';
import { isVmid } from './reference.ts';
import type { Reference } from './reference.ts';

/** A Proxmox cluster that is asked over its API. */
export interface Cluster {
  /** The name of its context. */
  readonly name: string;
  /** Whether a word without a scheme may name a guest of it. */
  readonly bare: boolean;
  /** Whether there is no other context, so that its guests need not be told from those of others. */
  readonly alone: boolean;
  /** Whether a word with a scheme is looked up in it alone. */
  readonly current: boolean;
  readonly client: ApiClient;
  /** What commands may use of its API without being told to, and whom we are to it. */
  readonly routes: ApiAccess['routes'];
  readonly login: ApiAccess['login'];
  readonly endpoints: EndpointMemory;
  readonly guests?: GuestMemory | undefined;
  /** How ssh reaches a node of it. */
  readonly ssh: (node: string) => SshTarget;
  /** Gets the lines of the logs of tasks. */
  readonly onTaskLine?: ((line: string) => void) | undefined;
}

interface Found {
  readonly cluster: Cluster;
  readonly guest: Guest;
}

/**
 * Finds the one guest of some clusters that a reference means, by VMID or name, in one round trip to each. All of them must
 * answer: one that cannot be asked may have a guest of that name as well, and which one is meant is not guessed.
 *
 * @param node the node the user named.
 * @throws LxcriError ContainerNotFound, AmbiguousContainer, PermissionDenied, or why a cluster could not be asked; the reason of `abort`.
 */
export async function findGuest(
  reference: Reference,
  clusters: readonly Cluster[],
  node?: string,
  abort?: AbortSignal,
): Promise<Container> {
  const { scheme, id } = reference;
  const wantedNode = reference.node ?? node;
  const answers = await Promise.all(clusters.map((cluster) => askForGuests(cluster, abort)));
  const fitting = answers
    .flatMap(({ cluster, guests }) => guests.map((guest): Found => ({ cluster, guest })))
    .filter(({ guest }) => (scheme === undefined ? true : guest.type === (scheme === 'vm' ? 'qemu' : 'lxc')))
    .filter(({ guest }) => wantedNode === undefined || guest.node === wantedNode);
  const byId = fitting.filter(({ guest }) => guest.vmid === id);
  // Whoever names a guest like the VMID of another one does not get in its way.
  const found = byId.length > 0 ? byId : fitting.filter(({ guest }) => guest.name === id);
  const [only, ...others] = found;
  const silent = answers.find(({ error }) => error !== undefined);
  if (only === undefined) throw silent?.error ?? (await notFound(id, wantedNode, answers, abort));
  if (others.length > 0) {
    throw new LxcriError(
      'AmbiguousContainer',
      `${id} is the name of ${found.length} guests: ${found.map(described).join(', ')}`,
      `name the one that is meant: ${found.map(referenceOf).join(', ')}`,
    );
  }
  if (silent?.error !== undefined) throw uncertain(id, only, silent.cluster.name, silent.error);
  return containerOf(only);
}

/** What a word means is not known for sure while one of those that it may be a guest of does not say. */
function uncertain(id: string, found: Found, silent: string, { message }: LxcriError): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `${id} is ${described(found)}, but the cluster ${silent}, which may have one too, cannot be asked: ${message}`,
    `to mean that one: ${referenceOf(found)}`,
  );
}

/** What a cluster answered. */
interface ClusterAnswer {
  readonly cluster: Cluster;
  readonly guests: readonly Guest[];
  readonly error?: LxcriError;
}

/** @param late its reason becomes the cluster's error. */
async function askForGuests(
  cluster: Cluster,
  abort: AbortSignal | undefined,
  late?: AbortSignal,
): Promise<ClusterAnswer> {
  const signals = [abort, late].filter((signal) => signal !== undefined);
  try {
    const guests = await untilAborted(listGuests(cluster.client, AbortSignal.any(signals)), late);
    cluster.guests?.keep(guests);
    return { cluster, guests };
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    return { cluster, guests: [], error };
  }
}

/** A guest that may not be seen is not in the list: that is told from one that there is not. */
async function notFound(
  id: string,
  node: string | undefined,
  answers: readonly ClusterAnswer[],
  abort: AbortSignal | undefined,
): Promise<LxcriError> {
  if (isVmid(id)) {
    for (const { cluster } of answers) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one is nearly always all there is
        await requirePrivilege(cluster.client, `/vms/${id}`, 'VM.Audit', abort);
      } catch (error) {
        if (isLxcriError(error) && error.code === 'PermissionDenied') return error;
        throw error;
      }
    }
  }
  const names = answers.map(({ cluster }) => cluster.name).join(', ');
  const nameless = answers.flatMap(({ guests }) => guests).filter(({ name }) => name === undefined).length;
  return new LxcriError(
    'ContainerNotFound',
    `no guest ${id}${node === undefined ? '' : ` on node ${node}`} (looked in the cluster ${names})`,
    nameless > 0 && !isVmid(id)
      ? `the names of ${nameless} guests are unknown now, because their nodes are offline: use the VMID`
      : 'list the containers with: proxmox-lxcri ps',
  );
}

function described({ cluster, guest: { type, node, vmid } }: Found): string {
  return type === 'qemu' ? `vm:${vmid} (${cluster.name})` : `pve:${node}/${vmid} (${cluster.name})`;
}

function referenceOf({ cluster, guest: { type, vmid } }: Found): string {
  return guestReference(type, vmid, cluster.name);
}

function containerOf({ cluster, guest }: Found): Container {
  const { vmid, name, node, lock, template } = guest;
  const { routes, login, endpoints } = cluster;
  return {
    id: vmid,
    name: name ?? vmid,
    platform: 'proxmox',
    node,
    control: controlOf(cluster.client, guest, cluster.onTaskLine),
    api: accessTo(cluster.client, guest, { context: cluster.name, routes, login }, endpoints),
    // Commands run in containers only.
    ...(guest.type === 'lxc' ? { remote: { ssh: cluster.ssh(node) } } : {}),
    ...(lock === undefined ? {} : { lock }),
    ...(template ? { template } : {}),
  };
}

/** The guests of clusters, and the clusters that could not be asked. */
export interface ClusterList {
  readonly containers: ContainerSummary[];
  readonly unreachable: { readonly context: string; readonly error: LxcriError }[];
}

/**
 * All guests of some clusters, in one round trip to each; one that cannot be asked does not hide the others.
 *
 * @param late its reason, an LxcriError, becomes that of each cluster that has not answered until then.
 */
export async function listClusters(
  clusters: readonly Cluster[],
  abort?: AbortSignal,
  late?: AbortSignal,
): Promise<ClusterList> {
  const answers = await Promise.all(clusters.map((cluster) => askForGuests(cluster, abort, late)));
  return {
    containers: answers.flatMap(({ cluster, guests }) => guests.map((guest) => summaryOf(cluster, guest))),
    unreachable: answers.flatMap(({ cluster, error }) =>
      error === undefined ? [] : [{ context: cluster.name, error: namedError(cluster.name, error) }],
    ),
  };
}

/** Of several clusters, which one is meant is to be told. */
function namedError(context: string, { code, message, hint }: LxcriError): LxcriError {
  return new LxcriError(code, `the cluster ${context}: ${message}`, hint);
}

/** How long what was told is as good as new. */
const FRESH_MS = 5000;

/** The guests of some clusters, as they were told lately, or now, or else at any time; never why one cannot be asked. */
export async function listKnownGuests(clusters: readonly Cluster[], abort: AbortSignal): Promise<ContainerSummary[]> {
  const answers = clusters.map(async (cluster) => {
    const known = cluster.guests?.known();
    if (known !== undefined && known.ageMs < FRESH_MS) return { cluster, guests: known.guests };
    try {
      const answer = await untilAborted(askForGuests(cluster, abort), abort);
      if (answer.error === undefined) return answer;
    } catch {
      // It takes too long.
    }
    return { cluster, guests: known?.guests ?? [] };
  });
  return (await Promise.all(answers)).flatMap(({ cluster, guests }) =>
    guests.map((guest) => summaryOf(cluster, guest)),
  );
}

function summaryOf({ name: context, bare, alone }: Cluster, guest: Guest): ContainerSummary {
  const { vmid, type, node, name, status, lock, tags, pool, uptime } = guest;
  return {
    reference: !alone ? guestReference(type, vmid, context) : bare ? vmid : `${type === 'qemu' ? 'vm' : 'pve'}:${vmid}`,
    id: vmid,
    name: name ?? vmid,
    platform: 'proxmox',
    type,
    context,
    node,
    status,
    pid: null,
    startedAt: uptime === undefined ? null : new Date(Date.now() - uptime * 1000).toISOString(),
    lock: lock ?? null,
    tags: [...tags],
    pool: pool ?? null,
    lxcpath: null,
  };
}
