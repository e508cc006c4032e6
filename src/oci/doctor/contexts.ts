import type { ContextDiagnosis, RouteDiagnosis } from '../../model/diagnosis.ts';
import { isLxcriError } from '../../model/errors.ts';
import { API_ROUTES } from '../../model/remote.ts';
import type { ApiAccess, ApiRoute } from '../../model/remote.ts';
import * as shape from '../../proxmox/api/shape.ts';
import type { Cluster } from '../cluster.ts';

/** How long the servers of one context are waited for. */
const LIMIT_MS = 15_000;

const VERSION = shape.object({ version: shape.text });

/**
 * Asks the cluster of each context whether it lets us in, all at the same time, and says what its API may be used for.
 * Nothing is run in any guest: whether a route leads to one, only that guest could tell.
 *
 * @throws the reason of `abort`.
 */
export function diagnoseContexts(
  clusters: readonly Cluster[],
  abort: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<ContextDiagnosis[]> {
  return Promise.all(
    clusters.map(async (cluster) => {
      const { name, login, routes, endpoints } = cluster;
      return {
        context: name,
        ...(await askFor(cluster, abort, limitMs)),
        login,
        routes: API_ROUTES.map((route): RouteDiagnosis => {
          const reason = obstacleOf(route, routes, login);
          return { route, enabled: routes.includes(route), reason };
        }),
        execEndpoint: endpoints.isAbsent() ? 'absent' : 'not asked',
      };
    }),
  );
}

async function askFor(
  { client }: Cluster,
  abort: AbortSignal,
  limitMs: number,
): Promise<Pick<ContextDiagnosis, 'reachable' | 'detail'>> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    const { version } = await client.ask(VERSION, 'GET', '/version', {}, AbortSignal.any([abort, limit]));
    return { reachable: true, detail: `Proxmox VE ${version}` };
  } catch (error) {
    abort.throwIfAborted();
    if (isLxcriError(error))
      return { reachable: false, detail: [error.message, error.hint].filter((part) => part !== undefined).join('; ') };
    if (limit.aborted) return { reachable: false, detail: `no answer within ${limitMs / 1000} s` };
    throw error;
  }
}

/** Why a route runs nothing, whatever the guest. */
function obstacleOf(route: ApiRoute, enabled: readonly ApiRoute[], login: ApiAccess['login']): string | null {
  if (route === 'node-shell' && login !== 'root-ticket') return 'only root@pam with a password gets a shell of a node';
  return enabled.includes(route) ? null : 'only when --method names it: it is not among the routes of the context';
}
