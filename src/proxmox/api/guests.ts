import type { ApiClient } from './client.ts';

/** A guest of the cluster, as `GET /cluster/resources?type=vm` lists it. The data can be some ten seconds old. */
export interface Guest {
  readonly vmid: string;
  readonly type: 'lxc' | 'qemu';
  readonly node: string;
  /** Unknown while its node is offline, and for some seconds after the start of the cluster. */
  readonly name: string | undefined;
  readonly status: 'running' | 'stopped' | 'unknown';
  readonly template: boolean;
  readonly lock: string | undefined;
  readonly tags: readonly string[];
  readonly pool: string | undefined;
  /** Seconds. */
  readonly uptime: number | undefined;
}

/** What the API gives for one; booleans are 0 and 1, and everything but the first four may be missing. */
interface Resource {
  vmid: number;
  type: string;
  node: string;
  status: string;
  name?: string;
  template?: number;
  lock?: string;
  tags?: string;
  pool?: string;
  uptime?: number;
}

/** All guests of the cluster that the user or token may see, in one round trip. */
export async function listGuests(client: ApiClient): Promise<Guest[]> {
  const resources = await client.call<Resource[]>('GET', '/cluster/resources', { type: 'vm' });
  return resources.flatMap((resource) => guestOf(resource) ?? []);
}

function guestOf({ vmid, type, node, status, name, template, lock, tags, pool, uptime }: Resource): Guest | undefined {
  if (type !== 'lxc' && type !== 'qemu') return undefined;
  return {
    vmid: String(vmid),
    type,
    node,
    name,
    status: status === 'running' || status === 'stopped' ? status : 'unknown',
    template: template === 1,
    lock,
    tags: (tags ?? '').split(/[;, ]+/).filter(Boolean),
    pool,
    uptime: status === 'running' ? uptime : undefined,
  };
}

/** A guest as its own node knows it now. */
export interface CurrentStatus {
  readonly status: 'running' | 'stopped';
  readonly name: string | undefined;
  /** By the node's numbering. */
  readonly pid: number | undefined;
  readonly lock: string | undefined;
  /** Whether the cluster's HA manager decides where and whether it runs. */
  readonly isHaManaged: boolean;
  /** Seconds. */
  readonly uptime: number | undefined;
}

interface Current {
  status: 'running' | 'stopped';
  name?: string;
  pid?: number;
  lock?: string;
  uptime?: number;
  ha?: { managed?: number };
}

/** What a guest is doing now, asked of its node. */
export async function currentStatus(
  client: ApiClient,
  guest: Pick<Guest, 'node' | 'type' | 'vmid'>,
): Promise<CurrentStatus> {
  const { status, name, pid, lock, uptime, ha } = await client.call<Current>(
    'GET',
    `${guestPath(guest)}/status/current`,
  );
  return { status, name, pid, lock, uptime, isHaManaged: ha?.managed === 1 };
}

/** A guest's place in the API. */
export function guestPath({ node, type, vmid }: Pick<Guest, 'node' | 'type' | 'vmid'>): string {
  return `/nodes/${encodeURIComponent(node)}/${type}/${vmid}`;
}
