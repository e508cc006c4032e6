import { isLxcriError } from '../../model/errors.ts';
import type { RemoteControl } from '../../model/remote.ts';
import type { ApiClient } from './client.ts';
import { currentStatus } from './guests.ts';
import type { Guest } from './guests.ts';
import { shutDownGuest, startGuest, stopGuest } from './power.ts';
import { waitForTask } from './tasks.ts';

/** Longer than any task of ours: whoever waits has a limit of his own. */
const TASK_LIMIT_MS = 3_600_000;

/**
 * The control of a guest over the API: what is asked for is a task of its node, which is waited for.
 *
 * @param onLine gets the lines of the tasks' logs.
 */
export function controlOf(
  client: ApiClient,
  guest: Pick<Guest, 'node' | 'type' | 'vmid'>,
  onLine?: (line: string) => void,
): RemoteControl {
  const run = async (request: Promise<string>, abort?: AbortSignal): Promise<string | undefined> => {
    try {
      const { ok, exitStatus } = await waitForTask(client, await request, {
        timeoutMs: TASK_LIMIT_MS,
        abort,
        ...(onLine === undefined ? {} : { onLine }),
      });
      return ok ? undefined : exitStatus;
    } catch (error) {
      // What the server refuses to do is the outcome; that it cannot be asked, or does not let us, is an error.
      if (isLxcriError(error) && error.code === 'OperationFailed') return error.message;
      throw error;
    }
  };
  return {
    status: async () => (await currentStatus(client, guest)).status,
    start: (abort) => run(startGuest(client, guest), abort),
    shutdown: (seconds, abort) => run(shutDownGuest(client, guest, seconds), abort),
    kill: (abort) => run(stopGuest(client, guest), abort),
  };
}
