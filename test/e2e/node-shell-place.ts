/** A cluster with a context of root@pam, whom its nodes give a shell. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { PASSWORD, USERS } from '../proxmox/api/clients.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import type { ContainerSpec } from '../support/pve/api/guest.ts';
import { scratchDirectory } from '../support/scratch.ts';

export interface NodeShellPlace {
  readonly cluster: Cluster;
  /** For the CLI, with `home` as the current context. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

/**
 * @param containers of node pve1.
 * @param portOf another port in front of the API's, when there is one.
 */
export async function nodeShellPlace(
  containers: readonly ContainerSpec[],
  portOf: (port: number) => Promise<number> = (port) => Promise.resolve(port),
): Promise<NodeShellPlace> {
  const cluster = await createCluster({
    nodes: ['pve1'],
    containers: containers.map((container) => ({ kind: 'busybox', running: true, ...container })),
    users: USERS,
    settings: { refusalMs: 300 },
  });
  const folder = scratchDirectory();
  writeFileSync(join(folder, 'secret'), PASSWORD, { mode: 0o600 });
  const { port, fingerprint } = cluster.host('pve1');
  const context = {
    hosts: [{ address: `127.0.0.1:${await portOf(port)}`, fingerprint }],
    user: 'root@pam',
    passwordFile: join(folder, 'secret'),
    bare: true,
  };
  const file = join(folder, 'contexts.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ contexts: { home: context } }), { mode: 0o600 });
  return {
    cluster,
    env: {
      PROXMOX_LXCRI_CONTEXTS: file,
      PROXMOX_LXCRI_CONFIG: '/dev/null',
      PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
      PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
    },
    close: () => cluster.close(),
  };
}
