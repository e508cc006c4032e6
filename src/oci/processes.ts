import { identityOf } from '../model/container.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { ContainerProcess, ContainerProcesses } from '../model/process.ts';
import type { ContainerStatus } from '../model/status.ts';
import { insideId, readIdMap } from '../process/id-map.ts';
import { processesInside } from '../process/inside.ts';
import type { InsideProcess } from '../process/inside.ts';
import { readProcess } from '../process/proc.ts';
import { msOfTicks, sinceBootMs, timeOfTicks } from '../process/start-time.ts';
import { label, notRunning } from './hints.ts';
import { refuseUnreachable } from './lifecycle/lifecycle.ts';
import { find } from './find.ts';
import { fullReference } from './locate.ts';
import type { HostInventory } from './locate.ts';
import { parseReference } from './reference.ts';
import { currentStatus } from './status.ts';
import { userNames } from './user-names.ts';

export interface ProcessesOptions {
  /** The Proxmox node of the container. */
  readonly node?: string | undefined;
  /** Leaves out the names of users, for which a command is run in the container. */
  readonly numeric?: boolean | undefined;
  /** Ends the questions to clusters. */
  readonly abort?: AbortSignal | undefined;
}

/**
 * The processes inside a container, running or frozen, whatever locks it. They are read from this host's /proc.
 *
 * @param target the container reference as typed.
 * @throws LxcriError ContainerNotRunning, OperationFailed, and those of finding it.
 */
export async function listProcesses(
  inventory: HostInventory,
  target: string,
  { node, numeric = false, abort }: ProcessesOptions = {},
): Promise<ContainerProcesses> {
  const wanted = await find(parseReference(target), inventory, node, 'host', abort);
  if (wanted.pod !== undefined) throw ofPod(wanted);
  if (wanted.lxc === undefined && wanted.docker === undefined) throw notOfThisHost(wanted);
  const { status, initPid, container, found } = await lookInside(wanted);
  const uids = readIdMap(initPid, 'uid');
  const gids = readIdMap(initPid, 'gid');
  const upMs = sinceBootMs();
  const processes = found.map((info) =>
    processOf(info, upMs, insideId(uids, info.hostUid), insideId(gids, info.hostGid)),
  );
  if (!numeric && status === 'running') {
    const uidsInside = new Set(processes.map(({ uid }) => uid).filter((uid) => uid !== null));
    const names = await userNames(inventory, target, uidsInside, node);
    for (const each of processes) each.user = (each.uid === null ? undefined : names.get(each.uid)) ?? null;
  }
  return { container: identityOf(container), status, processes };
}

/** Of a guest that a cluster knows, there is nothing in this /proc. */
function notOfThisHost(container: Container): LxcriError {
  const { api, node } = container;
  const where = api === undefined ? `on node ${node ?? ''}` : `a guest of the cluster ${api.context}`;
  return new LxcriError(
    'NoMethodAvailable',
    `${label(container)} is ${where}, and only the processes of containers of this host can be listed`,
    `ask it itself: proxmox-lxcri exec ${fullReference(container)} -- ps`,
  );
}

async function lookInside(
  container: Container,
): Promise<ContainerStatus & { initPid: number; found: InsideProcess[] }> {
  let now = await currentStatus(container);
  // Where its init has gone between the question and the look, it is asked once more.
  for (let attempt = 1; ; attempt++) {
    refuseUnreachable(now);
    const { initPid, status } = now;
    if (initPid === undefined && status === 'running') throw ofAnotherHost(container);
    if (initPid === undefined) throw notRunning(container, status, ': it has no processes');
    const found = processesInside(initPid);
    if (found !== undefined) return { ...now, initPid, found };
    if (attempt > 1) throw notItsOwn(container, initPid);
    now = await currentStatus(container);
  }
}

function ofPod(container: Container): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `the processes of container ${label(container)} cannot be seen from here`,
    `ask the container itself: proxmox-lxcri exec ${fullReference(container)} -- ps`,
  );
}

function ofAnotherHost(container: Container): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `the processes of container ${label(container)} cannot be seen from here: its engine is not of this host, or we are not root`,
    `ask the container itself: proxmox-lxcri exec ${fullReference(container)} -- ps`,
  );
}

/** A container can share a pid namespace (`lxc.namespace.share.pid`, `lxc.namespace.keep`), or be restarting. */
function notItsOwn(container: Container, initPid: number): LxcriError {
  const why =
    readProcess(initPid) === undefined
      ? 'are not in this /proc'
      : 'share a pid namespace with others, and cannot be told from them';
  return new LxcriError(
    'OperationFailed',
    `the processes of container ${label(container)} ${why}`,
    `ask the container itself: proxmox-lxcri exec ${container.id} -- ps`,
  );
}

function processOf(
  info: InsideProcess,
  upMs: number,
  uid: number | undefined,
  gid: number | undefined,
): ContainerProcess {
  const { pid, parentPid, hostPid, hostUid, hostGid, name, args, argsTruncated, state, terminal } = info;
  const { threads, cpuMs, memoryBytes, startTime } = info;
  const elapsedMs = Math.max(0, Math.round(upMs - msOfTicks(startTime)));
  return {
    pid,
    parentPid,
    hostPid,
    user: null,
    uid: uid ?? null,
    gid: gid ?? null,
    hostUid,
    hostGid,
    state,
    terminal: terminal ?? null,
    threads,
    cpuPercent: elapsedMs === 0 ? 0 : Math.round((cpuMs / elapsedMs) * 1000) / 10,
    cpuMs,
    memoryBytes,
    startedAt: timeOfTicks(startTime).toISOString(),
    elapsedMs,
    command: args.length > 0 ? args.join(' ') : `[${name}]${state === 'Z' ? ' <defunct>' : ''}`,
    args: [...args],
    argsTruncated,
  };
}
