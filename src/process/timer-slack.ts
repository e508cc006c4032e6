import { readFileSync, writeFileSync } from 'node:fs';

/**
 * By how much the kernel may delay a process's timers (proc_pid_timerslack_ns(5)): a number that every process inherits
 * from its parent, through fork, exec, setsid and orphanage. Giving each execution one of its own marks its processes.
 */

/** Linux's default, and how many values above it are ours: at most 0.15 ms, below what a timer's user can notice. */
export const DEFAULT_NS = 50_000;
export const VALUES = 100_000;

/** The mark of an execution; two executions can by chance have the same. */
export function timerSlackFor(execId: string): number {
  return DEFAULT_NS + 1 + (Number.parseInt(execId.slice(0, 8), 16) % VALUES);
}

/** A process's timer slack in nanoseconds; `undefined` once it is gone. */
export function timerSlackOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/timerslack_ns`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Starts something whose processes are to carry an execution's mark: they inherit it from us, for that moment. */
export function withTimerSlack<T>(execId: string, start: () => T): T {
  const own = timerSlackOf(process.pid);
  setTimerSlack(process.pid, timerSlackFor(execId));
  try {
    return start();
  } finally {
    if (own !== undefined) setTimerSlack(process.pid, own);
  }
}

/** Gives a process that somebody else has started an execution's mark; what it starts from now on inherits that. */
export function markByTimerSlack(pid: number, execId: string): void {
  setTimerSlack(pid, timerSlackFor(execId));
}

function setTimerSlack(pid: number, nanoseconds: number): void {
  try {
    writeFileSync(`/proc/${pid}/timerslack_ns`, String(nanoseconds));
  } catch {
    // A kernel that does not offer it, or a process that has ended: the other marks remain.
  }
}
