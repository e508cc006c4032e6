import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** One process, as /proc/PID/stat shows it to this host (proc_pid_stat(5)). */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** The foreground process group of its terminal; -1 without a terminal. */
  readonly foregroundGroup: number;
  /** `Z` is a zombie: it has ended and only waits to be reaped. */
  readonly state: string;
  /** In clock ticks after boot; with the pid it identifies a process for good. */
  readonly startTime: number;
}

/** Reads one process; `undefined` once it is gone. */
export function readProcess(pid: number): ProcessInfo | undefined {
  const fields = readStat(pid)?.fields;
  if (fields === undefined) return undefined;
  return {
    pid,
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    foregroundGroup: Number(fields[5]),
    startTime: Number(fields[19]),
  };
}

/** /proc/PID/stat: the command's name, byte for byte, and the fields from the third (the state) on. */
export function readStat(pid: number): { name: string; fields: string[] } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name may hold anything, spaces and parentheses included; the fields follow its last ")".
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') };
}

/** Every process of this host, containers included. */
export function allProcesses(): ProcessInfo[] {
  return allPids()
    .map(readProcess)
    .filter((info) => info !== undefined);
}

/** The running children of a process; without CONFIG_PROC_CHILDREN they are searched for. */
export function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`);
  if (text !== undefined) return text.split(' ').filter(Boolean).map(Number);
  return allProcesses()
    .filter((info) => info.parent === pid)
    .map((info) => info.pid);
}

/** The value of a variable in the environment that the process was started with. */
export function environmentValueOf(pid: number, key: string): string | undefined {
  const environment = `\0${read(`/proc/${pid}/environ`) ?? ''}`;
  const start = environment.indexOf(`\0${key}=`);
  if (start === -1) return undefined;
  const valueStart = start + key.length + 2;
  const end = environment.indexOf('\0', valueStart);
  return environment.slice(valueStart, end === -1 ? undefined : end);
}

/** Whether a process is in a pid namespace below this host's. */
export function isContainerized(pid: number): boolean {
  return pidsByNamespace(readStatus(pid)).length > 1;
}

/** /proc/PID/status, byte for byte; the name in it is escaped, so that a line is what it says. */
export function readStatus(pid: number): string {
  return read(`/proc/${pid}/status`) ?? '';
}

/** The pids that a process has: this host's first, then that in each namespace further in; none once it is gone. */
export function pidsByNamespace(status: string): number[] {
  const [, numbers = ''] = /^NSpid:((?:\s+\d+)+)/m.exec(status) ?? [];
  return numbers.split(/\s+/).filter(Boolean).map(Number);
}

/** The pid namespace of a process, as an opaque text. */
export function pidNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** What a monitor calls itself: "[lxc monitor] LXCPATH NAME" (LXC's start.c). */
const MONITOR_TITLE = /^\[lxc monitor\] ([^\0]+)/;

/**
 * The monitors that run on this host: their pids by "LXCPATH NAME". A process in a container may call itself anything;
 * those are not asked.
 */
export function monitorPids(): Map<string, number> {
  const monitors = new Map<string, number>();
  for (const pid of allPids()) {
    const title = MONITOR_TITLE.exec(read(`/proc/${pid}/cmdline`) ?? '')?.[1];
    // /proc is read byte for byte here, the names are text.
    if (title !== undefined && !isContainerized(pid)) monitors.set(Buffer.from(title, 'latin1').toString(), pid);
  }
  return monitors;
}

/** The monitor of this container, where it runs. */
export function monitorPid(lxcpath: string, name: string): number | undefined {
  return monitorPids().get(`${lxcpath} ${name}`);
}

/**
 * Whether a process is in the network namespace that we are in; false once it is gone, `undefined` where we may not know
 * (proc_pid_ns(5): only who may trace a process sees its namespaces).
 */
export function sharesOurNetwork(pid: number): boolean | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net');
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '') ? undefined : false;
  }
}

/** The pids of every process of this host. */
export function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
