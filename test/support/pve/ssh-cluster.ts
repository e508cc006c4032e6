/** A Proxmox cluster whose nodes are reached over real ssh: each is an sshd of this machine with files of its own. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from '../scratch.ts';
import { endSharedConnections } from '../shared-connections.ts';
import { startSshd } from '../sshd.ts';
import type { Sshd } from '../sshd.ts';
import { createPctDouble } from './pct-double.ts';
import { createPveTree } from './tree.ts';
import type { PveContainer, PveTree } from './tree.ts';

export interface SshClusterOptions {
  /** The containers of each other node. */
  nodes: Readonly<Record<string, readonly PveContainer[]>>;
  /** Further lines of every sshd_config. */
  sshdConfig?: readonly string[];
  /** Words for every ssh, before all others: so they win. */
  sshOptions?: readonly string[];
  /** Other ports than the servers' own, such as a proxy's. */
  portOf?: (sshd: Sshd) => Promise<number>;
}

export interface SshNode {
  readonly sshd: Sshd;
  /** What is /etc/pve there. */
  readonly tree: PveTree;
}

export interface SshCluster {
  /** What is /etc/pve on the node that we are on, `pve1`. */
  readonly tree: PveTree;
  readonly nodes: ReadonlyMap<string, SshNode>;
  /** For the CLI on `pve1`. */
  readonly environment: Record<string, string>;
  /** For the CLI on a host that has nothing but an ssh configuration, in which the nodes have their names. */
  readonly laptop: Record<string, string>;
  /** The private directory of everything below; it holds the wrapper of ssh and its configuration. */
  readonly directory: string;
  stop(): Promise<void>;
}

/** Starts a server for each node; `pve1` is this host. */
export async function startSshCluster(options: SshClusterOptions): Promise<SshCluster> {
  const directory = scratchDirectory();
  const nodes = new Map<string, SshNode>();
  const all = Object.entries(options.nodes).flatMap(([node, containers]) =>
    containers.map((container) => ({ ...container, node })),
  );
  const sshConfig: string[] = [];
  const laptopHosts: string[] = [];
  for (const name of Object.keys(options.nodes)) {
    const tree = createPveTree({ node: name, containers: all });
    const { bin } = createPctDouble({ pveDir: tree.dir });
    const sshd = await startSshd({
      environment: { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${bin}:${process.env['PATH']}` },
      ...(options.sshdConfig === undefined ? {} : { config: options.sshdConfig }),
    });
    nodes.set(name, { sshd, tree });
    const port = (await options.portOf?.(sshd)) ?? sshd.port;
    const access = [`Port ${port}`, `IdentityFile ${sshd.identityFile}`, 'IdentitiesOnly yes'];
    sshConfig.push(`Host ${sshd.address}`, ...access);
    laptopHosts.push(`Host ${name}`, `HostName ${sshd.address}`, 'User root', ...access);
    laptopHosts.push(`HostKeyAlias ${name}`, `UserKnownHostsFile ${join(directory, 'known_hosts')}`);
  }
  const members = [...nodes].map(([name, { sshd }]) => ({ name, ip: sshd.address }));
  const tree = createPveTree({ node: 'pve1', containers: all, members });
  const keys = [...nodes].map(([name, { sshd }]) => `${name} ${sshd.hostKey}\n`);
  for (const [index, name] of [...nodes.keys()].entries())
    writeFileSync(join(tree.dir, 'nodes', name, 'ssh_known_hosts'), keys[index] ?? '');
  writeFileSync(join(directory, 'known_hosts'), keys.join(''));
  const own = sshWrapper(directory, 'node', sshConfig, options.sshOptions);
  const laptop = sshWrapper(directory, 'laptop', laptopHosts, options.sshOptions);
  const path = (bin: string): string => `${bin}:${process.env['PATH']}`;
  return {
    tree,
    nodes,
    directory,
    environment: { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: path(own) },
    laptop: { PROXMOX_LXCRI_PVE_DIR: join(directory, 'no-such-folder'), PATH: path(laptop) },
    async stop() {
      await endSharedConnections(directory);
      for (const { sshd } of nodes.values()) await sshd.stop();
    },
  };
}

/** A folder with an `ssh` that reads a configuration of the test instead of the user's. */
function sshWrapper(
  directory: string,
  name: string,
  lines: readonly string[],
  options: readonly string[] = [],
): string {
  const bin = join(directory, `${name}-bin`);
  const config = join(directory, `${name}-config`);
  mkdirSync(bin);
  writeFileSync(config, `${lines.join('\n')}\n`);
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${config}' ${options.join(' ')} "$@"\n`);
  chmodSync(join(bin, 'ssh'), 0o755);
  return bin;
}
