import { closeSync, openSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';

import type { Container } from '../model/container.ts';
import type { DockerAccess, Engine, EngineAnswer } from '../model/engine.ts';
import { LxcriError } from '../model/errors.ts';
import type { PowerEnd, RemoteControl } from '../model/remote.ts';
import type { ContainerSummary, Status } from '../model/status.ts';
import { endpointOf } from './endpoint.ts';
import { EngineClient } from './engine.ts';
import { refused, unreadable, wordsOf } from './failures.ts';

/** What we read of `GET /containers/{id}/json`. */
interface Inspection {
  readonly id: string;
  readonly name: string;
  readonly hostnamePath: string;
  readonly status: string;
  readonly pid: number;
  readonly user: string;
  readonly env: readonly string[];
}

/** What we read of each of `GET /containers/json`. */
interface Listed {
  readonly id: string;
  readonly names: readonly string[];
  readonly state: string;
}

/** Reads what somebody sent; `undefined` where it is not what an engine sends. */
function parseInspection(body: unknown): Inspection | undefined {
  const { Id: id, Name: name, HostnamePath: hostnamePath = '', State: state, Config: config } = fieldsOf(body);
  const { Status: status, Pid: pid = 0 } = fieldsOf(state);
  const { User: user = '', Env: env } = fieldsOf(config);
  if (!isId(id) || !isWord(name) || !isWord(status) || typeof hostnamePath !== 'string') return undefined;
  if (typeof pid !== 'number' || typeof user !== 'string' || !isListOfStrings(env ?? [])) return undefined;
  return { id, name, hostnamePath, status, pid, user, env: (env ?? []) as string[] };
}

/** The same, for a list. */
function parseList(body: unknown): Listed[] | undefined {
  if (!Array.isArray(body)) return undefined;
  const list: Listed[] = [];
  for (const each of body as unknown[]) {
    const { Id: id, Names: names, State: state } = fieldsOf(each);
    if (!isId(id) || !isListOfStrings(names ?? []) || !isWord(state)) return undefined;
    list.push({ id, names: (names ?? []) as string[], state });
  }
  return list;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return (typeof value === 'object' ? (value ?? {}) : {}) as Record<string, unknown>;
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** It becomes a part of paths. */
function isId(value: unknown): value is string {
  return isWord(value) && /^[\w-]+$/.test(value);
}

function isListOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
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
    user: found.user,
    env: found.env,
    directory: directoryOf(found),
    get initPid() {
      return state.initPid;
    },
  };
  const look = async (signal: AbortSignal | undefined): Promise<Status> => {
    // What has just been said need not be asked again.
    const now = known ?? (await inspect(engine, found.id, signal));
    known = undefined;
    state.initPid = initPidOf(now);
    return statusOf(now.status);
  };
  return {
    id: found.id,
    name: found.name.replace(/^\//, ''),
    platform: 'docker',
    control: controlOf(engine, found.id, look, () => state.initPid),
    docker: access,
  };
}

/** Of one that was never started, the engine does not say it. */
function directoryOf({ hostnamePath: file }: Inspection): string {
  return isAbsolute(file) ? dirname(file) : '/';
}

async function inspect(engine: Engine, id: string, abort: AbortSignal | undefined): Promise<Inspection> {
  const answer = await engine.request('GET', `/containers/${encodeURIComponent(id)}/json`, undefined, abort);
  if (answer.status === 200) {
    const inspection = parseInspection(answer.body);
    if (inspection === undefined) throw unreadable(engine.name);
    return inspection;
  }
  throw await notFound(engine, id, answer, abort);
}

async function notFound(
  engine: Engine,
  id: string,
  answer: EngineAnswer,
  abort: AbortSignal | undefined,
): Promise<LxcriError> {
  const words = wordsOf(answer);
  // A server of something else does not find it either, and has other words for that.
  if (answer.status === 404 && !isWord(fieldsOf(answer.body)['message'])) return unreadable(engine.name);
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
function initPidOf({ id, pid }: Inspection): number | undefined {
  // Less than all of an id may be found in anybody's cgroup.
  if (!(Number.isInteger(pid) && pid > 0) || id.length !== 64 || process.geteuid?.() !== 0) return undefined;
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
  const list = parseList(answer.body);
  if (list === undefined) throw unreadable(engine.name);
  return list.map(({ id, names, state }) => {
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
  // Each is limited by whoever asks for it.
  const power = async (what: string, abort: AbortSignal | undefined): Promise<PowerEnd> => {
    const answer = await engine.request('POST', `${path}/${what}`, undefined, abort, true);
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
