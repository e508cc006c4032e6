import type { ContainerProcess } from '../model/process.ts';
import type { SortKeys } from '../oci/sort.ts';
import type { Column } from '../terminal/table.ts';
import { formatAge, formatDuration } from './values/duration.ts';
import { formatSize } from './values/size.ts';

/** What a list of processes can be sorted by. */
export const PROCESS_SORT_KEYS: SortKeys<ContainerProcess> = {
  pid: ({ pid }) => pid,
  ppid: ({ parentPid }) => parentPid,
  hostpid: ({ hostPid }) => hostPid,
  user: userOf,
  state: ({ state }) => state,
  tty: ({ terminal }) => terminal ?? undefined,
  threads: ({ threads }) => threads,
  cpu: ({ cpuPercent }) => cpuPercent,
  time: ({ cpuMs }) => cpuMs,
  memory: ({ memoryBytes }) => memoryBytes,
  elapsed: ({ elapsedMs }) => elapsedMs,
  command: ({ command }) => command,
};

/** By its name, else its number inside; one from outside by the host's number. */
function userOf({ user, uid, hostUid }: ContainerProcess): string {
  return user ?? (uid === null ? `host:${hostUid}` : String(uid));
}

const STATE_COLORS: Partial<Record<string, 'yellow' | 'red'>> = { D: 'yellow', T: 'yellow', Z: 'red' };

/**
 * The columns of a list of processes.
 *
 * @param wide more of them.
 */
export function processColumns(wide: boolean): Column<ContainerProcess>[] {
  const columns: (Column<ContainerProcess> & { wide?: boolean })[] = [
    { header: 'PID', value: ({ pid }) => String(pid), align: 'right' },
    { header: 'PPID', value: ({ parentPid }) => String(parentPid), align: 'right', wide: true },
    { header: 'HOSTPID', value: ({ hostPid }) => String(hostPid), align: 'right', wide: true },
    { header: 'USER', value: userOf, flexible: true, least: 8 },
    { header: 'STATE', value: ({ state }) => state, color: ({ state }) => STATE_COLORS[state], wide: true },
    { header: 'TTY', value: ({ terminal }) => terminal ?? '-', wide: true },
    { header: 'THREADS', value: ({ threads }) => String(threads), align: 'right', wide: true },
    { header: '%CPU', value: ({ cpuPercent }) => cpuPercent.toFixed(1), align: 'right' },
    { header: 'TIME', value: ({ cpuMs }) => formatDuration(cpuMs), align: 'right', wide: true },
    { header: 'MEM', value: ({ memoryBytes }) => formatSize(memoryBytes), align: 'right' },
    { header: 'ELAPSED', value: ({ elapsedMs }) => formatAge(elapsedMs), align: 'right' },
    { header: 'COMMAND', value: ({ command }) => command, flexible: true, least: 20 },
  ];
  return columns.filter((column) => wide || column.wide !== true);
}
