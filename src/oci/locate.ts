import { accessSync, readdirSync } from 'node:fs';

import { DEFAULT_LXCPATH, lxcpaths } from '../lxc/lxcpath.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import { NodeConfig } from '../proxmox/node/config.ts';
import type { ContainerConfig } from '../proxmox/node/config.ts';
import type { Cluster } from './cluster.ts';
import { clusterSshTarget, configuredSshTarget } from '../proxmox/node/ssh-target.ts';
import { checkVmid, isName, isVmid } from './reference.ts';
import type { Reference } from './reference.ts';

/** Where containers are looked for on this host. */
export interface HostInventory {
  /** Directories that hold LXC containers. */
  readonly lxcpaths: readonly string[];
  readonly pve: NodeConfig;
  /** Why this host is not looked at, where it is not. */
  readonly closed?: LxcriError;
  /** The variables that say where the Docker engine is. Default: those of this process. */
  readonly docker?: NodeJS.ProcessEnv;
  /** The variables that say which Kubernetes cluster is meant. Default: those of this process. */
  readonly kubernetes?: NodeJS.ProcessEnv;
  /** The clusters to be asked as well, by their APIs; got only when they are needed. */
  readonly clusters?: () => Promise<readonly Cluster[]>;
}

/** Where to look on this host; what is `undefined` is found out here. */
export interface InventorySettings {
  /** Directories that hold LXC containers, before LXC's default one. Default: what LXC's own configuration says. */
  readonly lxcpath: readonly string[] | undefined;
  /** Where the Proxmox configuration is mounted. Default `/etc/pve`. */
  readonly pveDirectory: string | undefined;
}

/** The inventory of this host. */
export function hostInventory(settings?: InventorySettings): HostInventory {
  const { lxcpath, pveDirectory } = settings ?? {};
  return { lxcpaths: lxcpaths({ directories: lxcpath }), pve: new NodeConfig(pveDirectory) };
}

/** Where a container may be: on this host, or also on another node of its Proxmox cluster. */
export type Reach = 'host' | 'cluster';

/**
 * Finds the one container that a reference means. It reads files and starts nothing.
 *
 * @param node the Proxmox node the user named with `--node`.
 * @param reach how far away it may be. On a host outside of any cluster, one that is named with its node is taken to be
 *   there: only the node itself knows.
 * @throws LxcriError ContainerNotFound, AmbiguousContainer, PlatformUnreachable, NoMethodAvailable or UsageError.
 */
export function locate(
  reference: Reference,
  inventory: HostInventory,
  node?: string,
  reach: Reach = 'host',
): Container {
  const { scheme, id, context } = reference;
  if (context !== undefined) throw notOfThisHost(id, context);
  const wantedNode = reference.node ?? node;
  if (wantedNode !== undefined && !isName(wantedNode))
    throw new LxcriError(
      'UsageError',
      `${JSON.stringify(wantedNode)} cannot be the name of a node`,
      'see: pvecm nodes',
    );
  if (reach === 'cluster' && isKnownToItsNode(reference, inventory, node)) return onNamedNode(id, wantedNode ?? '');
  if ((scheme === 'pve' || wantedNode !== undefined) && !inventory.pve.present) throw notProxmox();
  const elsewhere = (): Container[] => (reach === 'cluster' ? onOtherNodes(id, inventory.pve, wantedNode) : []);
  switch (scheme) {
    case undefined: {
      const found = [
        ...onProxmox(id, inventory, wantedNode),
        ...(wantedNode === undefined ? onLxc(id, inventory) : []),
        ...elsewhere(),
      ];
      return withWayThere(onlyOne(found, id), inventory) ?? notFound(reference, inventory, wantedNode);
    }
    case 'lxc':
      return onlyOne(onLxc(id, within(inventory, reference.lxcpath)), id) ?? notFound(reference, inventory, wantedNode);
    case 'pve':
      return (
        withWayThere(onlyOne([...onProxmox(id, inventory, wantedNode), ...elsewhere()], id), inventory) ??
        notFound(reference, inventory, wantedNode)
      );
    default:
      throw new LxcriError(
        'NoMethodAvailable',
        `${scheme}: containers cannot be reached by this version`,
        'it serves pve:, lxc:, docker: and k8s: containers',
      );
  }
}

/** Whether a reference names a node, and this host knows of no cluster: then ssh is the way to it, and root is not needed here. */
export function isKnownToItsNode(reference: Reference, { pve }: HostInventory, node?: string): boolean {
  const { scheme, context } = reference;
  if (context !== undefined || pve.present) return false;
  return (reference.node ?? node) !== undefined && (scheme === undefined || scheme === 'pve');
}

function notOfThisHost(id: string, context: string): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `${id}@${context} is a guest of a context, and no context is asked here`,
    'name a container of this host; see: proxmox-lxcri context',
  );
}

function onNamedNode(id: string, node: string): Container {
  return { id, name: id, platform: 'proxmox', node, remote: { ssh: configuredSshTarget(node) } };
}

/** Containers of the cluster's other nodes with this VMID or host name; without the way there. */
function onOtherNodes(id: string, pve: NodeConfig, wantedNode?: string): Container[] {
  if (isVmid(id)) {
    const guest = pve.guest(id);
    if (guest?.type !== 'lxc' || guest.node === pve.node || (wantedNode ?? guest.node) !== guest.node) return [];
    const config = pve.container(id, guest.node);
    return config === undefined ? [] : [configuredContainer(config, guest.node)];
  }
  const nodes = pve.otherNodes.filter((node) => (wantedNode ?? node) === node);
  return nodes.flatMap((node) =>
    pve
      .containers(node)
      .filter(({ hostname }) => hostname === id)
      .map((config) => configuredContainer(config, node)),
  );
}

function configuredContainer({ vmid, hostname, lock, template }: ContainerConfig, node: string): Container {
  return {
    id: vmid,
    name: hostname ?? vmid,
    platform: 'proxmox',
    node,
    ...(lock === undefined ? {} : { lock }),
    ...(template ? { template } : {}),
  };
}

/** Adds how a container of another node is reached. */
function withWayThere(container: Container | undefined, { pve }: HostInventory): Container | undefined {
  if (container?.node === undefined || container.lxc !== undefined) return container;
  return { ...container, remote: { ssh: clusterSshTarget(pve, container.node) } };
}

function notProxmox(): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    'this host is not a Proxmox VE node, or its configuration is not mounted',
    'leave out pve: and --node; else run this on the node, or start pve-cluster there',
  );
}

/** An inventory with only one directory of containers, if one was named. */
function within(inventory: HostInventory, lxcpath: string | undefined): HostInventory {
  return lxcpath === undefined ? inventory : { ...inventory, lxcpaths: [lxcpath] };
}

/** Containers of this Proxmox node with this VMID or host name. */
function onProxmox(id: string, { pve }: HostInventory, wantedNode?: string): Container[] {
  const node = pve.node;
  if (node === undefined || (wantedNode !== undefined && wantedNode !== node)) return [];
  const byId = isVmid(id) ? pve.container(id) : undefined;
  const configs = byId === undefined ? pve.containers().filter(({ hostname }) => hostname === id) : [byId];
  return configs.map((config) => proxmoxContainer(config, node));
}

function proxmoxContainer(config: ContainerConfig, node: string): Container {
  return { ...configuredContainer(config, node), lxc: { name: config.vmid, lxcpath: DEFAULT_LXCPATH } };
}

/** Every container of this host: Proxmox's own, then those of plain LXC. */
export function allContainers(inventory: HostInventory): Container[] {
  const { pve, lxcpaths: paths } = inventory;
  const node = pve.node;
  const ofProxmox = node === undefined ? [] : pve.containers().map((config) => proxmoxContainer(config, node));
  const names = new Set(paths.flatMap(folders));
  return [...ofProxmox, ...[...names].flatMap((name) => onLxc(name, inventory))];
}

/** The names that containers in this directory can have. */
function folders(lxcpath: string): string[] {
  try {
    return readdirSync(lxcpath).filter(isName);
  } catch (error) {
    // A configured directory need not exist; one that we may not read must not look empty.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new LxcriError(
      'PlatformUnreachable',
      `the containers in ${lxcpath} cannot be listed: ${(error as Error).message}`,
      'make it readable, or name other directories in PROXMOX_LXCRI_LXCPATH',
    );
  }
}

/** Containers of plain LXC; one that has a Proxmox configuration belongs to Proxmox only. */
function onLxc(id: string, { lxcpaths: paths, pve }: HostInventory): Container[] {
  return paths
    .filter((lxcpath) => exists(`${lxcpath}/${id}/config`))
    .filter((lxcpath) => !(lxcpath === DEFAULT_LXCPATH && belongsToProxmox(id, pve)))
    .map((lxcpath) => ({ id, name: id, platform: 'lxc', lxc: { name: id, lxcpath } }));
}

/** Also a container that has moved to another node, and left its folder here. */
function belongsToProxmox(id: string, pve: NodeConfig): boolean {
  return isVmid(id) && (pve.container(id) !== undefined || pve.guest(id) !== undefined);
}

function onlyOne(found: Container[], id: string): Container | undefined {
  if (found.length <= 1) return found[0];
  const candidates = found.map(fullReference).join(', ');
  throw new LxcriError(
    'AmbiguousContainer',
    `${id} is the name of ${found.length} containers: ${candidates}`,
    'use one of these',
  );
}

/** The reference that means this guest of a cluster and no other, whatever contexts there are. */
export function guestReference(type: 'lxc' | 'qemu', vmid: string, context: string): string {
  return `${type === 'qemu' ? 'vm' : 'pve'}:${vmid}@${context}`;
}

/** The reference that means this container and no other. */
export function fullReference({ platform, id, name, lxc, api }: Container): string {
  if (platform === 'docker') return `docker:${name}`;
  if (platform === 'kubernetes') return `k8s:${id}`;
  if (api !== undefined) return guestReference(api.type, id, api.context);
  return platform === 'proxmox' ? `pve:${id}` : `lxc:${lxc?.lxcpath}/${name}`;
}

function notFound(
  { scheme, id, lxcpath }: Reference,
  { pve, lxcpaths: paths }: HostInventory,
  wantedNode: string | undefined,
): never {
  const guest = scheme !== 'lxc' && isVmid(id) ? pve.guest(id) : undefined;
  if (guest?.type === 'qemu') {
    throw new LxcriError(
      'NoMethodAvailable',
      `${id} is a virtual machine (QEMU), not a container`,
      'this version runs commands in containers only',
    );
  }
  if (guest !== undefined && guest.node !== pve.node && (wantedNode === undefined || wantedNode === guest.node)) {
    throw new LxcriError(
      'NoMethodAvailable',
      `container ${id} is on node ${guest.node}, this is node ${pve.node ?? 'unknown'}`,
      `run this on ${guest.node}`,
    );
  }
  if (scheme === undefined && /^\d+$/.test(id)) checkVmid(id);
  const where = [
    ...(scheme !== 'lxc' && pve.present ? [`Proxmox node ${wantedNode ?? pve.node ?? ''}`] : []),
    ...(scheme === 'pve' || wantedNode !== undefined ? [] : lxcpath === undefined ? paths : [lxcpath]),
  ];
  throw new LxcriError(
    'ContainerNotFound',
    `no container ${id} (looked in ${where.join(', ')})`,
    'list the containers with: proxmox-lxcri ps',
  );
}

function exists(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
