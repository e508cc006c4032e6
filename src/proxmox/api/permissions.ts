import { LxcriError } from '../../model/errors.ts';
import type { ApiClient } from './client.ts';

/**
 * Makes sure that the user or token has a privilege, before anything is asked for that needs it.
 *
 * @param path such as `/vms/101`.
 * @throws LxcriError PermissionDenied, with the privilege and the path.
 */
export async function requirePrivilege(client: ApiClient, path: string, privilege: string): Promise<void> {
  const granted = await client.call<Record<string, Record<string, number>>>('GET', '/access/permissions', { path });
  if (granted[path]?.[privilege] !== undefined) return;
  throw new LxcriError(
    'PermissionDenied',
    `the privilege ${privilege} on ${path} is missing`,
    `an administrator gives it in Datacenter > Permissions; a token with privilege separation needs it itself`,
  );
}
