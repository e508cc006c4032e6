import type { StoredExecution } from '../oci/detached/store.ts';
import type { Column } from '../terminal/table.ts';
import { shellWord } from '../values/shell-word.ts';

/** How much of an id is shown: enough to name it. */
const SHOWN_ID = 13;

const STATUS_COLORS = { running: 'green', ended: undefined, lost: 'red' } as const;

/** The columns of a list of detached executions. */
export const EXECUTION_COLUMNS: readonly Column<StoredExecution>[] = [
  { header: 'ID', value: ({ id }) => id.slice(0, SHOWN_ID) },
  { header: 'CONTAINER', value: ({ container }) => container, flexible: true },
  { header: 'COMMAND', value: ({ command }) => command.map(shellWord).join(' '), flexible: true },
  { header: 'STATUS', value: ({ status }) => status, color: ({ status }) => STATUS_COLORS[status] },
  { header: 'STARTED', value: ({ startedAt }) => `${startedAt.slice(0, 19)}Z` },
  {
    header: 'EXIT CODE',
    value: ({ result }) => (result === undefined ? '-' : String(result.exitCode)),
    align: 'right',
  },
];

/** An execution in the JSON form of the list. */
export function executionDocument({ id, container, command, status, startedAt, result }: StoredExecution): object {
  return {
    id,
    container,
    command,
    status,
    startedAt,
    exitCode: result?.exitCode ?? null,
    error: result?.error ?? null,
  };
}
