/** What a caller of the CLI needs in its environment to have a double of the API as its context. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOKEN_SECRET } from '../../../proxmox/api/clients.ts';
import { scratchDirectory } from '../../scratch.ts';
import type { Cluster, Host } from './cluster.ts';

/**
 * One context, `home`, that acts with root's token unless something else is said.
 *
 * @param further keys of the context.
 * @param host the server; default: the cluster's first.
 */
export function contextEnvironment(
  cluster: Cluster,
  further: object = {},
  host: Pick<Host, 'port' | 'fingerprint'> | undefined = cluster.hosts[0],
): Record<string, string> {
  const folder = scratchDirectory();
  writeFileSync(join(folder, 'secret'), TOKEN_SECRET, { mode: 0o600 });
  const context = {
    hosts: [{ address: `127.0.0.1:${host?.port}`, fingerprint: host?.fingerprint }],
    token: 'root@pam!full',
    tokenFile: join(folder, 'secret'),
    bare: true,
    ...further,
  };
  const file = join(folder, 'contexts.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ contexts: { home: context } }), { mode: 0o600 });
  return {
    PROXMOX_LXCRI_CONTEXTS: file,
    PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
    PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
  };
}
