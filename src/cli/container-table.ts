import type { ContainerSummary, Status } from '../model/status.ts';
import type { SortKeys } from '../oci/sort.ts';
import type { Column } from '../terminal/table.ts';
import { formatAge } from './values/duration.ts';

/** What a list of containers can be sorted by. */
export const CONTAINER_SORT_KEYS: SortKeys<ContainerSummary> = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  platform: ({ platform }) => platform,
  node: ({ node }) => node ?? undefined,
  status: ({ status }) => status,
  pid: ({ pid }) => pid ?? undefined,
  started: ({ startedAt }) => startedAt ?? undefined,
};

const STATUS_COLORS: Partial<Record<Status, 'green' | 'yellow' | 'dim'>> = {
  running: 'green',
  frozen: 'yellow',
  freezing: 'yellow',
  stopped: 'dim',
};

/** The columns of a list of containers; those that would be empty, or repeat another, are left out. */
export function containerColumns(containers: readonly ContainerSummary[], nowMs: number): Column<ContainerSummary>[] {
  const columns: (Column<ContainerSummary> & { useless?: boolean })[] = [
    { header: 'ID', value: ({ id, platform }) => (platform === 'docker' ? id.slice(0, 12) : id) },
    {
      header: 'NAME',
      value: ({ name }) => name,
      flexible: true,
      useless: containers.every(({ id, name }) => id === name),
    },
    { header: 'PLATFORM', value: ({ platform }) => platform },
    {
      header: 'TYPE',
      value: ({ type }) => type,
      useless: containers.every(({ type, platform }) => type === 'lxc' || platform !== 'proxmox'),
    },
    {
      header: 'CONTEXT',
      value: ({ context }) => context ?? '-',
      useless: new Set(containers.map(({ context }) => context)).size < 2,
    },
    { header: 'NODE', value: ({ node }) => node ?? '', useless: containers.every(({ node }) => node === null) },
    { header: 'STATUS', value: ({ status }) => status, color: ({ status }) => STATUS_COLORS[status] },
    {
      header: 'TAGS',
      value: ({ tags }) => tags.join(','),
      flexible: true,
      useless: containers.every(({ tags }) => tags.length === 0),
    },
    {
      header: 'PID',
      // The API's list does not tell it.
      useless: containers.length > 0 && containers.every(({ context }) => context !== null),
      value: ({ pid }) => (pid === null ? '-' : String(pid)),
      align: 'right',
    },
    {
      header: 'UPTIME',
      value: ({ startedAt }) => (startedAt === null ? '-' : formatAge(nowMs - Date.parse(startedAt))),
      align: 'right',
    },
    { header: 'LOCK', value: ({ lock }) => lock ?? '', useless: containers.every(({ lock }) => lock === null) },
    {
      header: 'LXCPATH',
      value: ({ lxcpath }) => lxcpath ?? '',
      flexible: true,
      useless: new Set(containers.map(({ lxcpath }) => lxcpath)).size < 2,
    },
  ];
  return columns.filter(({ useless }) => useless !== true);
}
