/** What the host's /proc tells about one process. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessInfo {
  pid: number;
  parent: number;
  group: number;
  /** In clock ticks since boot: with the pid it names one process for good, however often pids are reused. */
  startTime: string;
  /** R, S, D, T, Z ... as in proc(5). */
  state: string;
  /** The command line, its arguments joined by spaces. */
  args: string;
}

/** undefined when there is no such process (any more). */
export function processInfo(pid: number): ProcessInfo | undefined {
  const stat = read(pid, 'stat');
  return stat === undefined ? undefined : parseProcess(pid, stat, read(pid, 'cmdline') ?? '');
}

/** @param stat and `cmdline` are what the files of these names in the process's directory of /proc hold. */
export function parseProcess(pid: number, stat: string, cmdline: string): ProcessInfo {
  // The second field is the name in parentheses and may hold anything, even ")": count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTime: fields[19] ?? '',
    state: fields[0] ?? '',
    args: cmdline.replace(/\0$/, '').replaceAll('\0', ' '),
  };
}

export function isRunning(pid: number, startTime?: string): boolean {
  const info = processInfo(pid);
  return info !== undefined && info.state !== 'Z' && (startTime === undefined || info.startTime === startTime);
}

/** Sends a signal to a process, or to the group of the leader -PID; nothing where there is none (any more). */
export function killIfThere(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Kills a group of processes, also when its leader has gone; not another one whose leader got the same pid since. */
export function killGroup(leader: number, startTime: string): void {
  const info = processInfo(leader);
  if (info !== undefined && info.startTime !== startTime) return;
  killIfThere(-leader);
}

/** The pids of all processes of a group that run. */
export function pidsInGroup(leader: number): number[] {
  return allPids().filter((pid) => {
    const info = processInfo(pid);
    return info !== undefined && info.group === leader && info.state !== 'Z';
  });
}

/** The host's pids of all processes in the same pid namespace as `pid`, itself included. */
export function pidsInNamespaceOf(pid: number): number[] {
  const wanted = pidNamespace(pid);
  if (wanted === undefined) {
    return [];
  }
  return allPids().filter((each) => pidNamespace(each) === wanted);
}

/** Whether the text stands in the process's command line or environment. */
export function carriesMarker(pid: number, marker: string): boolean {
  return (read(pid, 'cmdline') ?? '').includes(marker) || (read(pid, 'environ') ?? '').includes(marker);
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
