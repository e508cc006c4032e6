import { commandLineOf } from './command-line.ts';
import { allPids, pidNamespaceOf, pidsByNamespace, readProcess, readStat, readStatus } from './proc.ts';
import { msOfTicks } from './start-time.ts';
import { terminalName } from './terminal-name.ts';

/** A process of a container, as this host's /proc shows it (proc_pid_stat(5), proc_pid_status(5)). */
export interface InsideProcess {
  /** By the container's numbering. */
  readonly pid: number;
  /** By the container's numbering; 0 for its init, and for what was attached from outside. */
  readonly parentPid: number;
  /** By this host's numbering. */
  readonly hostPid: number;
  /** Effective ids, by this host's numbering. */
  readonly hostUid: number;
  readonly hostGid: number;
  /** The program's name as the kernel has it: 15 bytes at most. */
  readonly name: string;
  readonly args: readonly string[];
  /** The command line is longer than what was read of it. */
  readonly argsTruncated: boolean;
  /** R, S, D, Z, T ... as ps(1) shows them. */
  readonly state: string;
  readonly terminal: string | undefined;
  readonly threads: number;
  /** Time on a processor since its start, in milliseconds. */
  readonly cpuMs: number;
  /** Resident memory, in bytes. */
  readonly memoryBytes: number;
  /** In clock ticks after boot. */
  readonly startTime: number;
}

/**
 * The processes of a container: those of its pid namespace, attached ones too, and of the namespaces nested in it.
 * They are read from this host's /proc alone: nothing is started, nothing inside is opened, and a frozen container is
 * as good as any. Neither names nor cgroups matter, which other containers can share or the container can change.
 *
 * @param initPid the container's init process by this host's numbering.
 * @returns by rising pid; `undefined` when this is not the init of a container any more.
 */
export function processesInside(initPid: number): InsideProcess[] | undefined {
  const before = readProcess(initPid);
  const pids = pidsByNamespace(readStatus(initPid));
  const level = pids.length - 1;
  if (before === undefined || level < 1 || pids[level] !== 1) return undefined;
  const namespaces = new Set<string>();
  const candidates = pidsInside(initPid, level, namespaces);
  const found = candidates.map((pid) => readInside(pid, level, namespaces)).filter((each) => each !== undefined);
  if (readProcess(initPid)?.startTime !== before.startTime) return undefined;
  const byHostPid = new Map(found.map(({ info }) => [info.hostPid, info.pid]));
  return found
    .map(({ info, hostParent }) => ({ ...info, parentPid: byHostPid.get(hostParent) ?? 0 }))
    .toSorted((one, other) => one.pid - other.pid);
}

/**
 * The pids of the processes in the namespace of `initPid`, and in those nested in it; all these namespaces are added to
 * `namespaces`. Reading one link of each process of the host is most of the cost.
 *
 * @param level how many pid namespaces lie between this host's and the container's.
 */
function pidsInside(initPid: number, level: number, namespaces: Set<string>): number[] {
  const members = new Map<string, number[]>();
  for (const pid of allPids()) {
    const namespace = pidNamespaceOf(pid);
    if (namespace === undefined) continue;
    const others = members.get(namespace);
    if (others === undefined) members.set(namespace, [pid]);
    else others.push(pid);
  }
  const own = pidNamespaceOf(initPid);
  if (own !== undefined) namespaces.add(own);
  const deeper = [...members].filter(([, pids]) => levelOf(pids) > level);
  for (let known = 0; known < namespaces.size; ) {
    known = namespaces.size;
    // A process is in the namespace of its parent or in one below: the kernel lets nobody leave upwards.
    for (const [namespace, pids] of deeper)
      if (pids.some((pid) => namespaces.has(pidNamespaceOf(readProcess(pid)?.parent ?? 0) ?? '')))
        namespaces.add(namespace);
  }
  return [...namespaces].flatMap((namespace) => members.get(namespace) ?? []);
}

/** How many pid namespaces lie between this host's and that of these processes; -1 once all of them are gone. */
function levelOf(pids: readonly number[]): number {
  for (const pid of pids) {
    const { length } = pidsByNamespace(readStatus(pid));
    if (length > 0) return length - 1;
  }
  return -1;
}

/** Reads one process; `undefined` if it has ended, also where another one has got its number meanwhile. */
function readInside(
  hostPid: number,
  level: number,
  namespaces: ReadonlySet<string>,
): { info: Omit<InsideProcess, 'parentPid'>; hostParent: number } | undefined {
  const stat = readStat(hostPid);
  const namespace = pidNamespaceOf(hostPid);
  const status = readStatus(hostPid);
  const { args, truncated } = commandLineOf(hostPid);
  const after = readStat(hostPid);
  const pid = pidsByNamespace(status)[level];
  if (stat === undefined || after === undefined || namespace === undefined || pid === undefined) return undefined;
  const field = (number: number): number => Number(stat.fields[number - 3]);
  const startTime = field(22);
  if (!namespaces.has(namespace) || startTime !== Number(after.fields[22 - 3])) return undefined;
  const info = {
    pid,
    hostPid,
    hostUid: statusNumber(status, /^Uid:\s+\d+\s+(\d+)/m),
    hostGid: statusNumber(status, /^Gid:\s+\d+\s+(\d+)/m),
    name: Buffer.from(stat.name, 'latin1').toString('utf8'),
    args,
    argsTruncated: truncated,
    state: stat.fields[0] ?? '',
    terminal: terminalName(field(7)),
    threads: field(20),
    cpuMs: msOfTicks(field(14) + field(15)),
    // Absent for a zombie.
    memoryBytes: statusNumber(status, /^VmRSS:\s+(\d+) kB/m) * 1024,
    startTime,
  };
  return { info, hostParent: field(4) };
}

function statusNumber(status: string, line: RegExp): number {
  return Number(line.exec(status)?.[1] ?? 0);
}
