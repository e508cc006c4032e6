import type { ApiClient } from './client.ts';
import { amount, flag, guestNumber, list, nodeName, object, oneOf, optional, text } from './shape.ts';

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

/** What the API gives for one; everything but the first three may be missing. */
const RESOURCE = object({
  vmid: guestNumber,
  node: nodeName,
  status: text,
  name: optional(text),
  template: optional(flag),
  lock: optional(text),
  tags: optional(text),
  pool: optional(text),
  uptime: optional(amount),
});

const TYPED = object({ type: text });

/** Of other types, should there be some one day, nothing else is known. */
const RESOURCES = list((value, at): Guest | undefined => {
  const { type } = TYPED(value, at);
  if (type !== 'lxc' && type !== 'qemu') return undefined;
  const { status, template, tags, uptime, ...others } = RESOURCE(value, at);
  return {
    ...others,
    type,
    status: status === 'running' || status === 'stopped' ? status : 'unknown',
    template: template === true,
    tags: (tags ?? '').split(/[;, ]+/).filter(Boolean),
    uptime: status === 'running' ? uptime : undefined,
  };
});

/**
 * All guests of the cluster that the user or token may see, in one round trip.
 *
 * @throws LxcriError as the client; the reason of `abort`.
 */
export async function listGuests(client: ApiClient, abort?: AbortSignal): Promise<Guest[]> {
  const resources = await client.ask(RESOURCES, 'GET', '/cluster/resources', { type: 'vm' }, abort);
  return resources.filter((guest) => guest !== undefined);
}

/** Remembers what {@link listGuests} has told last, for who cannot wait for it. */
export interface GuestMemory {
  /** Without what changes often; `undefined` when nothing is remembered. */
  known(): { readonly guests: readonly Guest[]; readonly ageMs: number } | undefined;
  keep(guests: readonly Guest[]): void;
}

/** A guest as its own node knows it now. */
export interface CurrentStatus {
  readonly status: 'running' | 'stopped';
  /** Of a virtual machine that was suspended: nothing in it answers. */
  readonly isPaused: boolean;
  readonly name: string | undefined;
  /** By the node's numbering. */
  readonly pid: number | undefined;
  readonly lock: string | undefined;
  /** Whether the cluster's HA manager decides where and whether it runs. */
  readonly isHaManaged: boolean;
  /** Seconds. */
  readonly uptime: number | undefined;
}

const CURRENT = object({
  status: oneOf('running', 'stopped'),
  name: optional(text),
  pid: optional(amount),
  lock: optional(text),
  uptime: optional(amount),
  qmpstatus: optional(text),
  ha: optional(object({ managed: optional(flag) })),
});

/**
 * What a guest is doing now, asked of its node.
 *
 * @throws LxcriError as the client; the reason of `abort`.
 */
export async function currentStatus(
  client: ApiClient,
  guest: Pick<Guest, 'node' | 'type' | 'vmid'>,
  abort?: AbortSignal,
): Promise<CurrentStatus> {
  const { ha, qmpstatus, ...current } = await client.ask(
    CURRENT,
    'GET',
    `${guestPath(guest)}/status/current`,
    {},
    abort,
  );
  return {
    ...current,
    isPaused: qmpstatus === 'paused' || qmpstatus === 'suspended',
    isHaManaged: ha?.managed === true,
  };
}

/** A guest's place in the API. */
export function guestPath({ node, type, vmid }: Pick<Guest, 'node' | 'type' | 'vmid'>): string {
  return `/nodes/${encodeURIComponent(node)}/${type}/${vmid}`;
}
