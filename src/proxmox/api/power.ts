import type { ApiClient, Parameters } from './client.ts';
import { guestPath } from './guests.ts';
import type { Guest } from './guests.ts';
import { TASK } from './tasks.ts';
import type { Task } from './tasks.ts';

type Which = Pick<Guest, 'node' | 'type' | 'vmid'>;

/** Starts a guest; the answer is the task that does it, or for a guest under HA the one that requests it. */
export function startGuest(client: ApiClient, guest: Which, abort?: AbortSignal): Promise<Task> {
  return post(client, guest, 'start', {}, abort);
}

/** Asks a guest to shut down. */
export function shutDownGuest(client: ApiClient, guest: Which, seconds: number, abort?: AbortSignal): Promise<Task> {
  return post(client, guest, 'shutdown', { timeout: seconds, forceStop: false }, abort);
}

/** Kills a guest. */
export function stopGuest(client: ApiClient, guest: Which, abort?: AbortSignal): Promise<Task> {
  return post(client, guest, 'stop', {}, abort);
}

function post(client: ApiClient, guest: Which, what: string, parameters: Parameters, abort: AbortSignal | undefined) {
  return client.ask(TASK, 'POST', `${guestPath(guest)}/status/${what}`, parameters, abort);
}
