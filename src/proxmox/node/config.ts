import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Where a Proxmox VE node mounts the cluster's configuration (pmxcfs). */
export const DEFAULT_PVE_DIRECTORY = '/etc/pve';

/** A guest of the cluster, as its configuration on this node tells. */
export interface Guest {
  readonly vmid: string;
  readonly type: 'lxc' | 'qemu';
  readonly node: string;
}

/** What the configuration of a local container says that matters here. */
export interface ContainerConfig {
  readonly vmid: string;
  readonly hostname: string | undefined;
  /** Who holds it: `backup`, `migrate`, `snapshot` ... */
  readonly lock: string | undefined;
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

  /** The configuration of a container of this node; `undefined` when it has none here. */
  container(vmid: string): ContainerConfig | undefined {
    const text = read(`${this.directory}/lxc/${vmid}.conf`);
    return text === undefined ? undefined : { vmid, ...parseConfig(text) };
  }

  /** All containers of this node. */
  containers(): ContainerConfig[] {
    let files: string[];
    try {
      files = readdirSync(`${this.directory}/lxc`);
    } catch {
      return [];
    }
    return files
      .map((file) => /^([1-9]\d{2,8})\.conf$/.exec(file)?.[1])
      .filter((vmid) => vmid !== undefined)
      .map((vmid) => this.container(vmid))
      .filter((config) => config !== undefined);
  }

  /** A guest of any node, by its VMID. */
  guest(vmid: string): Guest | undefined {
    const text = read(`${this.directory}/.vmlist`);
    if (text === undefined) return undefined;
    try {
      const { ids } = JSON.parse(text) as { ids?: Record<string, { node?: unknown; type?: unknown }> };
      const entry = ids?.[vmid];
      if (typeof entry?.node !== 'string' || (entry.type !== 'lxc' && entry.type !== 'qemu')) return undefined;
      return { vmid, node: entry.node, type: entry.type };
    } catch {
      // It is rewritten in place while the cluster changes; the container's own file has already been asked.
      return undefined;
    }
  }
}

/** Reads the current state of a container's configuration; the sections after it are snapshots, with values of their own. */
function parseConfig(text: string): { hostname: string | undefined; lock: string | undefined } {
  const current = text.split(/^\[/m, 1)[0] ?? '';
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}:[ \\t]*(\\S+)[ \\t]*$`, 'm').exec(current)?.[1];
  return { hostname: value('hostname'), lock: value('lock') };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
