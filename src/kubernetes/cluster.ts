import { LxcriError } from '../model/errors.ts';
import type { ClusterClient } from '../model/pod.ts';
import { KubernetesClient } from './client.ts';
import { clusterConfig } from './kubeconfig.ts';
import { untilAborted } from '../process/until-aborted.ts';

/** How long a configuration is believed: what it names may be renewed. */
const VALID_MS = 60_000;

/** A client that is there, or is being made. */
interface Known {
  readonly client: Promise<ClusterClient>;
  /** Ends the making of it. */
  readonly stop: AbortController;
  until: number;
  /** How many wait for it. */
  waiting: number;
}

const clients = new WeakMap<NodeJS.ProcessEnv, Known>();

/**
 * The cluster that the caller's variables and configuration say. Its connections are kept for the next call.
 *
 * @param abort ends the wait; with the last who waits, also the program that was to give the credentials.
 * @throws LxcriError as `clusterConfig`; the reason of `abort`.
 */
export async function clusterOf(env: NodeJS.ProcessEnv, abort?: AbortSignal): Promise<ClusterClient> {
  abort?.throwIfAborted();
  let known = clients.get(env);
  if (known === undefined || known.until <= Date.now()) known = begun(env);
  known.waiting++;
  try {
    return await untilAborted(known.client, abort);
  } finally {
    known.waiting--;
    if (abort?.aborted === true && known.waiting === 0) {
      known.stop.abort(abort.reason);
      // We may end at once: what was started is to have ended first.
      await known.client.catch(() => {});
    }
  }
}

/**
 * The same cluster, for who presses a key in the middle of a line: no program is run that could ask something, and nothing
 * is kept.
 *
 * @throws LxcriError as `clusterConfig`.
 */
export async function silentClusterOf(env: NodeJS.ProcessEnv): Promise<ClusterClient> {
  const noProgram = AbortSignal.abort(new LxcriError('AuthenticationFailed', 'the credentials come of a program'));
  return new KubernetesClient(await clusterConfig(env, noProgram));
}

function begun(env: NodeJS.ProcessEnv): Known {
  const stop = new AbortController();
  const client = clusterConfig(env, stop.signal).then((config) => new KubernetesClient(config));
  const known: Known = { client, stop, until: Number.POSITIVE_INFINITY, waiting: 0 };
  clients.set(env, known);
  client.then(
    () => (known.until = Date.now() + VALID_MS),
    // What is wrong may be put right.
    () => (known.until = 0),
  );
  stop.signal.addEventListener('abort', () => (known.until = 0));
  return known;
}
