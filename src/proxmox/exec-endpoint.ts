import { isLxcriError } from '../model/errors.ts';
import type { ApiClient } from './api/client.ts';
import { guestPath } from './api/guests.ts';
import type { Guest } from './api/guests.ts';

/** Remembers of the servers of a context that they have no exec endpoint. */
export interface EndpointMemory {
  isAbsent(): boolean;
  /** Whether it can be kept does not matter. */
  keepAbsent(): void;
}

const ABSENT = 'the server has no exec endpoint (501)';

/**
 * Why the exec endpoint of a server is not used: Proxmox VE 9.2 has none (its answer to any path that it does not know is
 * 501, PVE/HTTPServer.pm), and one that nobody knows is no place for a command. It is asked for without a command, so that
 * one that exists has nothing to run.
 *
 * @throws the reason of `abort`.
 */
export async function execEndpoint(
  client: ApiClient,
  guest: Pick<Guest, 'node' | 'type' | 'vmid'>,
  memory: EndpointMemory,
  abort?: AbortSignal,
): Promise<string> {
  if (memory.isAbsent()) return ABSENT;
  try {
    await client.call('POST', `${guestPath(guest)}/exec`, {}, abort);
  } catch (error) {
    if (abort?.aborted === true || !isLxcriError(error)) throw error;
    if (/Method 'POST [^']*' not implemented/.test(error.message)) {
      memory.keepAbsent();
      return ABSENT;
    }
    // Of these nothing is known; all other answers are those of something that is there.
    if (UNKNOWN.has(error.code)) return `whether the server has an exec endpoint is not known (${error.message})`;
    return `unknown exec endpoint, not used (${error.message})`;
  }
  return 'unknown exec endpoint, not used (it answers to a call without a command)';
}

const UNKNOWN: ReadonlySet<string> = new Set([
  'PlatformUnreachable',
  'AuthenticationFailed',
  'PermissionDenied',
  'ConnectionLost',
]);
