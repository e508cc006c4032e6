import type { ClusterClient } from '../model/pod.ts';
import { KubernetesClient } from './client.ts';
import { clusterConfig } from './kubeconfig.ts';

/** How long a configuration is believed: what it names may be renewed. */
const VALID_MS = 60_000;

const clients = new WeakMap<NodeJS.ProcessEnv, { readonly client: Promise<ClusterClient>; readonly until: number }>();

/**
 * The cluster that the caller's variables and configuration say. Its connections are kept for the next call.
 *
 * @throws LxcriError as `clusterConfig`.
 */
export function clusterOf(env: NodeJS.ProcessEnv): Promise<ClusterClient> {
  const known = clients.get(env);
  if (known !== undefined && known.until > Date.now()) return known.client;
  const client = clusterConfig(env).then((config) => new KubernetesClient(config));
  clients.set(env, { client, until: Date.now() + VALID_MS });
  // What is wrong may be put right.
  client.catch(() => clients.delete(env));
  return client;
}
