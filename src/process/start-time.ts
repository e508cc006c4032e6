import { readFileSync } from 'node:fs';

import { readProcess } from './proc.ts';

/** The unit of times in /proc: USER_HZ, which is 100 on every machine that Node runs on (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

/** A time of /proc in milliseconds. */
export function msOfTicks(ticks: number): number {
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** When a process started; `undefined` once it is gone. */
export function startedAt(pid: number): Date | undefined {
  const info = readProcess(pid);
  return info === undefined ? undefined : timeOfTicks(info.startTime);
}

/** The time of day at so many ticks after boot. */
export function timeOfTicks(ticks: number): Date {
  return new Date(bootedAtMs() + msOfTicks(ticks));
}

/** How long this host has been up, in milliseconds. */
export function sinceBootMs(): number {
  const uptime = Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * 1000;
  // In a container, lxcfs has /proc/uptime tell the container's own age; the monotonic clock does not count suspension.
  return Math.max(uptime, Number(process.hrtime.bigint() / 1_000_000n));
}

let booted: number | undefined;

/** When this host booted (`btime` of proc_stat(5)), in milliseconds since the epoch, to the second. */
function bootedAtMs(): number {
  booted ??= Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]) * 1000;
  return booted;
}
