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
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The command name may hold anything, spaces and parentheses included; the fields follow its last ")".
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
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
  return /^NSpid:\s+\d+\s+\d+/m.test(read(`/proc/${pid}/status`) ?? '');
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

/** The containers whose monitors run on this host, each as "LXCPATH NAME". */
export function monitorTitles(): Set<string> {
  const titles = allPids().map((pid) => MONITOR_TITLE.exec(read(`/proc/${pid}/cmdline`) ?? '')?.[1]);
  // /proc is read byte for byte here, the names are text.
  return new Set(titles.filter((title) => title !== undefined).map((title) => Buffer.from(title, 'latin1').toString()));
}

/** Whether the monitor of this container runs. */
export function hasMonitorProcess(lxcpath: string, name: string): boolean {
  return monitorTitles().has(`${lxcpath} ${name}`);
}

function allPids(): number[] {
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
