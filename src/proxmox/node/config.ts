import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Where a Proxmox VE node mounts the cluster's configuration (pmxcfs). */
export const DEFAULT_PVE_DIRECTORY = '/etc/pve';

/** A guest of the cluster, as its configuration on this node tells. */
export interface Guest {
  readonly vmid: string;
  readonly type: 'lxc' | 'qemu';
  readonly node: string;
}

/** A node of the cluster. */
export interface Member {
  readonly ip: string | undefined;
  readonly online: boolean;
}

/** What the configuration of a container says that matters here. */
export interface ContainerConfig {
  readonly vmid: string;
  readonly hostname: string | undefined;
  /** Who holds it: `backup`, `migrate`, `snapshot` ... */
  readonly lock: string | undefined;
  /** Whether others are made of it; it never runs itself. */
  readonly template: boolean;
}

/**
 * The cluster's configuration as one node sees it, read from its files: no process is started.
 * Layout: pve-cluster's pmxcfs; `lxc` is a link to `nodes/NODE/lxc`, `.vmlist` lists the guests of all nodes.
 */
export class NodeConfig {
  readonly directory: string;

  constructor(directory: string = DEFAULT_PVE_DIRECTORY) {
    this.directory = directory;
  }

  /** Whether this host is a Proxmox VE node with its configuration mounted. */
  get present(): boolean {
    try {
      return lstatSync(`${this.directory}/nodes`).isDirectory();
    } catch {
      return false;
    }
  }

  /** This node's name. */
  get node(): string | undefined {
    try {
      return /^nodes\/([^/]+)\/lxc\/?$/.exec(readlinkSync(`${this.directory}/lxc`))?.[1];
    } catch {
      return undefined;
    }
  }

  /** The configuration of a container of a node; `undefined` when it has none there. Default: this node. */
  container(vmid: string, node?: string): ContainerConfig | undefined {
    const text = read(`${this.#containerFolder(node)}/${vmid}.conf`);
    return text === undefined ? undefined : { vmid, ...parseConfig(text) };
  }

  /** All containers of a node. Default: this one. */
  containers(node?: string): ContainerConfig[] {
    return list(this.#containerFolder(node))
      .map((file) => /^([1-9]\d{2,8})\.conf$/.exec(file)?.[1])
      .filter((vmid) => vmid !== undefined)
      .map((vmid) => this.container(vmid, node))
      .filter((config) => config !== undefined);
  }

  /** The other nodes that have a configuration in the cluster, whether they run or not. */
  get otherNodes(): string[] {
    const own = this.node;
    return list(`${this.directory}/nodes`).filter((name) => name !== own);
  }

  /** A node as the cluster's members see it; `undefined` when it is none of them. */
  member(node: string): Member | undefined {
    const members = readJson(`${this.directory}/.members`) as
      | { nodelist?: Record<string, { ip?: unknown; online?: unknown }> }
      | undefined;
    const entry = members?.nodelist?.[node];
    if (entry === undefined) return undefined;
    return { ip: typeof entry.ip === 'string' ? entry.ip : undefined, online: entry.online === 1 };
  }

  /** Whether the HA manager starts and stops a container: it is one of its resources, and not ignored (PVE/HA/Config.pm). */
  isHaManaged(vmid: string): boolean {
    const sections = (read(`${this.directory}/ha/resources.cfg`) ?? '').split(/^(?=\S)/m);
    const section = sections.find((each) => each.split('\n', 1)[0]?.trim() === `ct: ${vmid}`);
    return section !== undefined && !/^\s+state\s+ignored\s*$/m.test(section);
  }

  /** The host keys of a node, where the cluster has them in a file of the node's own (pve-cluster 8.1 and later). */
  knownHosts(node: string): string | undefined {
    const file = `${this.directory}/nodes/${node}/ssh_known_hosts`;
    return read(file) === undefined ? undefined : file;
  }

  /** A guest of any node, by its VMID. */
  guest(vmid: string): Guest | undefined {
    // It is rewritten in place while the cluster changes; the container's own file has already been asked.
    const guests = readJson(`${this.directory}/.vmlist`) as
      | { ids?: Record<string, { node?: unknown; type?: unknown }> }
      | undefined;
    const entry = guests?.ids?.[vmid];
    if (typeof entry?.node !== 'string' || (entry.type !== 'lxc' && entry.type !== 'qemu')) return undefined;
    return { vmid, node: entry.node, type: entry.type };
  }

  #containerFolder(node: string | undefined): string {
    return node === undefined ? `${this.directory}/lxc` : `${this.directory}/nodes/${node}/lxc`;
  }
}

/** Reads the current state of a container's configuration; the sections after it are snapshots, with values of their own. */
function parseConfig(text: string): Omit<ContainerConfig, 'vmid'> {
  const current = text.split(/^\[/m, 1)[0] ?? '';
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:[ \\t]*(\\S+)[ \\t]*$`, 'm').exec(current)?.[1];
  return { hostname: value('hostname'), lock: value('lock'), template: value('template') === '1' };
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** `undefined` where there is no such file, or it is no JSON at the moment. */
function readJson(file: string): unknown {
  try {
    return JSON.parse(read(file) ?? '');
  } catch {
    return undefined;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
