import { readFileSync } from 'node:fs';

import { readProcess } from './proc.ts';

/** The unit of times in /proc: USER_HZ, which is 100 on every machine that Node runs on (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

/** When a process started; `undefined` once it is gone. */
export function startedAt(pid: number): Date | undefined {
  const info = readProcess(pid);
  return info === undefined ? undefined : new Date(bootedAtMs() + (info.startTime * 1000) / TICKS_PER_SECOND);
}

let booted: number | undefined;

/** When this host booted (`btime` of proc_stat(5)), in milliseconds since the epoch, to the second. */
function bootedAtMs(): number {
  booted ??= Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]) * 1000;
  return booted;
}
