import type { ApiAccess } from '../model/remote.ts';
import type { ApiClient, Parameters } from './api/client.ts';
import { guestPath } from './api/guests.ts';
import type { Guest } from './api/guests.ts';
import { execEndpoint } from './exec-endpoint.ts';
import type { EndpointMemory } from './exec-endpoint.ts';

/**
 * How commands get to a guest over the API of its cluster. What terminals need is loaded with the first one.
 *
 * @param context what its context says.
 * @param memory of its servers.
 */
export function accessTo(
  client: ApiClient,
  guest: Pick<Guest, 'node' | 'type' | 'vmid'>,
  context: Pick<ApiAccess, 'context' | 'routes' | 'login'>,
  memory: EndpointMemory,
): ApiAccess {
  const { node, vmid, type } = guest;
  const open = async (path: string, abort?: AbortSignal) => {
    const { openTerminal } = await import('./terminal/open.ts');
    return openTerminal(client, path, abort);
  };
  return {
    ...context,
    node,
    vmid,
    type,
    call: (method, path, parameters, abort) => client.call(method, path, parameters as Parameters, abort),
    execEndpoint: (abort) => execEndpoint(client, guest, memory, abort),
    openNodeShell: (abort) => open(`/nodes/${encodeURIComponent(node)}`, abort),
    openConsole: (abort) => open(guestPath(guest), abort),
  };
}
