import { LxcriError } from '../../model/errors.ts';
import type { ApiClient } from './client.ts';
import { table } from './shape.ts';
import type { Reader } from './shape.ts';

/** Privileges by path; what is said of one is whether it holds below, too. */
export type Permissions = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

const PERMISSIONS: Reader<Permissions> = table(table((propagates) => propagates));

/**
 * What the user or token may do.
 *
 * @param path such as `/vms/101`; default: wherever there is something.
 * @throws LxcriError as the client; the reason of `abort`.
 */
export function permissions(client: ApiClient, path?: string, abort?: AbortSignal): Promise<Permissions> {
  return client.ask(PERMISSIONS, 'GET', '/access/permissions', { path }, abort);
}

/**
 * Makes sure that the user or token has a privilege, before anything is asked for that needs it.
 *
 * @param path such as `/vms/101`.
 * @throws LxcriError PermissionDenied, with the privilege and the path; those of a call; the reason of `abort`.
 */
export async function requirePrivilege(
  client: ApiClient,
  path: string,
  privilege: string,
  abort?: AbortSignal,
): Promise<void> {
  const granted = await permissions(client, path, abort);
  if (granted.get(path)?.has(privilege) === true) return;
  throw new LxcriError(
    'PermissionDenied',
    `the privilege ${privilege} on ${path} is missing`,
    `an administrator gives it in Datacenter > Permissions; a token with privilege separation needs it itself`,
  );
}
