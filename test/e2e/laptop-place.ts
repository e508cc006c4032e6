/** A computer that has nothing but contexts: a cluster that is asked over its API, and whose nodes are reached over real ssh. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCli } from '../methods/contract/cli.ts';
import type { CliOptions, CliResult, Word } from '../methods/contract/cli.ts';
import { TOKEN_SECRET } from '../proxmox/api/clients.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster, ClusterOptions } from '../support/pve/api/cluster.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { endSharedConnections } from '../support/shared-connections.ts';
import { startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

export interface LaptopOptions extends ClusterOptions {
  /** The nodes that ssh reaches. */
  readonly sshNodes: readonly string[];
}

export interface Laptop {
  readonly cluster: Cluster;
  readonly servers: ReadonlyMap<string, Sshd>;
  /** Holds all that belongs to it. */
  readonly folder: string;
  readonly env: Record<string, string>;
  /** The keys of a context of the cluster, with a token that may do everything, and these instead of some. */
  context(keys?: Record<string, unknown>): Record<string, unknown>;
  /** Writes contexts.yaml. At first it has `home`, for words without a scheme too. */
  write(contexts: Record<string, unknown>, current?: string): void;
  cli(words: readonly Word[], options?: CliOptions): Promise<CliResult>;
  close(): Promise<void>;
}

/** What ssh is to trust, and to say who it is; for a user to whom the files belong. */
export function sshOptions({ port, identityFile }: Pick<Sshd, 'port' | 'identityFile'>, node: string, hosts: string) {
  const options = [`HostKeyAlias=${node}`, `UserKnownHostsFile=${hosts}`, 'IdentitiesOnly=yes'];
  return ['-p', String(port), '-i', identityFile, '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])];
}

/** Closed again if only some of it can be made. */
export async function createLaptop({ sshNodes, ...options }: LaptopOptions): Promise<Laptop> {
  const cluster = await createCluster(options);
  const servers = new Map<string, Sshd>();
  const folder = scratchDirectory();
  const close = async (): Promise<void> => {
    await endSharedConnections(folder);
    for (const server of servers.values()) await server.stop();
    await cluster.close();
  };
  try {
    for (const node of sshNodes)
      servers.set(node, await startSshd({ prefix: await cluster.node(node).world.prefix() }));
  } catch (error) {
    await close();
    throw error;
  }
  const hosts = join(folder, 'known_hosts');
  writeFileSync(hosts, [...servers].map(([node, { hostKey }]) => `${node} ${hostKey}\n`).join(''));
  writeFileSync(join(folder, 'secret'), TOKEN_SECRET, { mode: 0o600 });
  const file = join(folder, 'contexts.yaml');
  const nodes = Object.fromEntries(
    [...servers].map(([node, server]) => [
      node,
      { destination: `root@${server.address}`, options: sshOptions(server, node, hosts) },
    ]),
  );
  const env = {
    PROXMOX_LXCRI_CONTEXTS: file,
    PROXMOX_LXCRI_CONFIG: '/dev/null',
    PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
    PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
  };
  const [first] = cluster.hosts;
  const laptop: Laptop = {
    cluster,
    servers,
    folder,
    env,
    context: (keys = {}) => ({
      hosts: [{ address: `127.0.0.1:${first?.port}`, fingerprint: first?.fingerprint }],
      token: 'root@pam!full',
      tokenFile: join(folder, 'secret'),
      ssh: { nodes },
      ...keys,
    }),
    // JSON is YAML.
    write: (contexts, current) =>
      writeFileSync(file, JSON.stringify({ ...(current === undefined ? {} : { current }), contexts }), { mode: 0o600 }),
    cli: (words, { env: more, ...rest } = {}) => runCli(words, { ...rest, env: { ...env, ...more } }),
    close,
  };
  laptop.write({ home: laptop.context({ bare: true }) });
  return laptop;
}
