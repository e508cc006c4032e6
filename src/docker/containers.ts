import { closeSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';

import type { Container } from '../model/container.ts';
import type { DockerAccess, Engine, EngineAnswer } from '../model/engine.ts';
import { LxcriError } from '../model/errors.ts';
import type { PowerEnd, RemoteControl } from '../model/remote.ts';
import type { ContainerSummary, Status } from '../model/status.ts';
import { endpointOf } from './endpoint.ts';
import { EngineClient } from './engine.ts';
import { refused, wordsOf } from './failures.ts';

/** What we read of `GET /containers/{id}/json`. */
interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly HostnamePath?: string;
  readonly State: { readonly Status?: string; readonly Pid?: number };
  readonly Config: { readonly User?: string; readonly Env?: readonly string[] | null };
}

/** What we read of `GET /containers/json`. */
interface Listed {
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly State: string;
}

/** Docker's words for what a container does (its API's ContainerState), and those that Podman adds. */
const STATUS: Readonly<Record<string, Status>> = {
  created: 'stopped',
  configured: 'stopped',
  initialized: 'starting',
  running: 'running',
  paused: 'frozen',
  // Between two runs.
  restarting: 'starting',
  stopping: 'stopping',
  removing: 'stopping',
  exited: 'stopped',
  stopped: 'stopped',
  dead: 'stopped',
};

function statusOf(word: string): Status {
  return STATUS[word] ?? 'unknown';
}

/** The engine that the caller's variables and configuration say. */
export function engineOf(env: NodeJS.ProcessEnv): Engine {
  return new EngineClient(endpointOf(env), env);
}

/**
 * Finds a container of an engine by its name, its id or the beginning of its id.
 *
 * @throws LxcriError ContainerNotFound, AmbiguousContainer, and as the engine's own; the reason of `abort`.
 */
export async function findContainer(engine: Engine, id: string, abort?: AbortSignal): Promise<Container> {
  const found = await inspect(engine, id, abort);
  let known: Inspection | undefined = found;
  const state = { initPid: initPidOf(found) };
  const access: DockerAccess = {
    engine,
    user: found.Config.User ?? '',
    env: found.Config.Env ?? [],
    directory: directoryOf(found),
    get initPid() {
      return state.initPid;
    },
  };
  const look = async (signal: AbortSignal | undefined): Promise<Status> => {
    // What has just been said need not be asked again.
    const now = known ?? (await inspect(engine, found.Id, signal));
    known = undefined;
    state.initPid = initPidOf(now);
    return statusOf(now.State.Status ?? '');
  };
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    platform: 'docker',
    control: controlOf(engine, found.Id, look, () => state.initPid),
    docker: access,
  };
}

/** One that was never started has no files yet. */
function directoryOf({ Id: id, HostnamePath: file = '' }: Inspection): string {
  return isAbsolute(file) ? dirname(file) : `/var/lib/docker/containers/${id}`;
}

async function inspect(engine: Engine, id: string, abort: AbortSignal | undefined): Promise<Inspection> {
  const answer = await engine.request('GET', `/containers/${encodeURIComponent(id)}/json`, undefined, abort);
  if (answer.status === 200) return answer.body as Inspection;
  throw await notFound(engine, id, answer, abort);
}

async function notFound(
  engine: Engine,
  id: string,
  answer: EngineAnswer,
  abort: AbortSignal | undefined,
): Promise<LxcriError> {
  const words = wordsOf(answer);
  // An engine before 25 says of an ambiguous one that there is none.
  const candidates =
    answer.status === 404 || /multiple IDs|more than one/i.test(words) ? await begunBy(engine, id, abort) : [];
  if (candidates.length > 1) {
    return new LxcriError(
      'AmbiguousContainer',
      `${id} is the beginning of the ids of ${candidates.length} containers: ${candidates.map(({ reference }) => reference).join(', ')}`,
      'use one of these',
    );
  }
  if (answer.status !== 404) return refused(answer, engine.name, `say what container ${id} is`);
  return new LxcriError(
    'ContainerNotFound',
    `no container ${id} (looked in the Docker engine at ${engine.name})`,
    'list the containers with: proxmox-lxcri ps --filter platform=docker',
  );
}

async function begunBy(engine: Engine, prefix: string, abort: AbortSignal | undefined): Promise<ContainerSummary[]> {
  if (!/^[0-9a-f]+$/.test(prefix)) return [];
  return (await listContainers(engine, abort)).filter(({ id }) => id.startsWith(prefix));
}

/**
 * The init process of a container, where it is a process of this host that we may look into and signal. What the engine says
 * is believed only if the process's cgroup bears the container's id: the engine may be another host's, or in a machine.
 */
function initPidOf({ Id: id, State: { Pid: pid = 0 } }: Inspection): number | undefined {
  if (!(pid > 0) || process.geteuid?.() !== 0) return undefined;
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(id)) return undefined;
    closeSync(openSync(`/proc/${pid}/environ`, 'r'));
    return pid;
  } catch {
    return undefined;
  }
}

/** Every container of an engine, in no order. */
export async function listContainers(engine: Engine, abort?: AbortSignal): Promise<ContainerSummary[]> {
  const answer = await engine.request('GET', '/containers/json?all=1', undefined, abort);
  if (answer.status !== 200) throw refused(answer, engine.name, 'list its containers');
  return (answer.body as Listed[]).map(({ Id: id, Names: names = [], State: state }) => {
    // Links of other containers are further names, with a "/" in them.
    const name = names.map((each) => each.replace(/^\//, '')).find((each) => !each.includes('/')) ?? id.slice(0, 12);
    return {
      reference: `docker:${name}`,
      id,
      name,
      platform: 'docker',
      type: 'docker',
      context: null,
      node: null,
      status: statusOf(state.toLowerCase()),
      pid: null,
      startedAt: null,
      lock: null,
      tags: [],
      pool: null,
      lxcpath: null,
    };
  });
}

/** How much longer than the caller the engine may wait for a container to end before it kills it: not at all, for us. */
const STOP_GRACE_SECONDS = 3600;

function controlOf(
  engine: Engine,
  id: string,
  look: (abort: AbortSignal | undefined) => Promise<Status>,
  initPid: () => number | undefined,
): RemoteControl {
  const path = `/containers/${id}`;
  const power = async (what: string, abort: AbortSignal | undefined): Promise<PowerEnd> => {
    const answer = await engine.request('POST', `${path}/${what}`, undefined, abort);
    // 304: it is so already.
    if (answer.status === 204 || answer.status === 304 || answer.status === 200) return {};
    return { failure: wordsOf(answer) };
  };
  return {
    status: (abort) => look(abort),
    now: async (abort) => ({ status: await look(abort), lock: undefined }),
    initPid,
    start: (abort) => power('start', abort),
    // Whoever asks kills it when its time is over, and says so.
    shutdown: async (seconds, abort) => {
      const limit = AbortSignal.timeout(seconds * 1000);
      const either = abort === undefined ? limit : AbortSignal.any([abort, limit]);
      try {
        return await power(`stop?t=${seconds + STOP_GRACE_SECONDS}`, either);
      } catch (error) {
        if (limit.aborted && abort?.aborted !== true) return {};
        throw error;
      }
    },
    kill: (abort) => power('kill?signal=SIGKILL', abort),
    signal: (name, abort) => power(`kill?signal=${encodeURIComponent(name)}`, abort),
  };
}
