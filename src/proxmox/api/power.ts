import type { ApiClient } from './client.ts';
import { guestPath } from './guests.ts';
import type { Guest } from './guests.ts';

type Which = Pick<Guest, 'node' | 'type' | 'vmid'>;

/** Starts a guest; the answer is the task that does it, or for a guest under HA the one that requests it. */
export function startGuest(client: ApiClient, guest: Which): Promise<string> {
  return client.call<string>('POST', `${guestPath(guest)}/status/start`);
}

/** Asks a guest to shut down. */
export function shutDownGuest(client: ApiClient, guest: Which, seconds: number): Promise<string> {
  return client.call<string>('POST', `${guestPath(guest)}/status/shutdown`, { timeout: seconds, forceStop: false });
}

/** Kills a guest. */
export function stopGuest(client: ApiClient, guest: Which): Promise<string> {
  return client.call<string>('POST', `${guestPath(guest)}/status/stop`);
}
