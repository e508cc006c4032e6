import { isLxcriError } from '../../model/errors.ts';
import type { PowerEnd, RemoteControl } from '../../model/remote.ts';
import type { ApiClient } from './client.ts';
import { currentStatus } from './guests.ts';
import type { Guest } from './guests.ts';
import { shutDownGuest, startGuest, stopGuest } from './power.ts';
import { waitForTask } from './tasks.ts';
import type { Task } from './tasks.ts';

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
  const run = async (request: Promise<Task>, abort?: AbortSignal): Promise<PowerEnd> => {
    let task: Task;
    try {
      task = await request;
    } catch (error) {
      // What the server refuses to do is the outcome; that it cannot be asked, or does not let us, is an error.
      if (isLxcriError(error) && error.code === 'OperationFailed') return { failure: error.message };
      throw error;
    }
    const { ok, exitStatus } = await waitForTask(client, task, { timeoutMs: TASK_LIMIT_MS, abort, onLine });
    return { failure: ok ? undefined : exitStatus, deferred: isOfManager(task) };
  };
  return {
    status: async (abort) => (await currentStatus(client, guest, abort)).status,
    now: async (abort) => {
      const { status, isPaused, lock } = await currentStatus(client, guest, abort);
      return { status: isPaused ? 'frozen' : status, lock };
    },
    start: (abort) => run(startGuest(client, guest, abort), abort),
    shutdown: (seconds, abort) => run(shutDownGuest(client, guest, seconds, abort), abort),
    kill: (abort) => run(stopGuest(client, guest, abort), abort),
  };
}

/** `hastart` and `hastop` only tell the HA manager (PVE/API2/LXC/Status.pm, PVE/API2/Qemu.pm). */
function isOfManager({ type }: Task): boolean {
  return type === 'hastart' || type === 'hastop';
}
