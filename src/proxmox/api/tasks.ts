import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError } from '../../model/errors.ts';
import type { ApiClient } from './client.ts';

/** How often a task is looked at: soon at first, because most starts take less than a second. */
const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 1000;

/** So many are asked for at once. */
const LOG_LINES = 500;

interface TaskStatus {
  status: 'running' | 'stopped';
  exitstatus?: string;
}

interface LogLine {
  n: number;
  t: string;
}

/** How a task ended. */
export interface TaskEnd {
  /** False for an error; warnings are a success. */
  readonly ok: boolean;
  /** `OK`, `WARNINGS: 1`, or what went wrong. */
  readonly exitStatus: string;
}

/**
 * Waits for a task of a node (`UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:`).
 *
 * @param onLine gets each line of the task's log as it comes.
 * @param timeoutMs after which we stop waiting; the task goes on.
 * @throws LxcriError ExecutionTimeout, and those of the calls.
 */
export async function waitForTask(
  client: ApiClient,
  upid: string,
  { onLine, timeoutMs, abort }: { onLine?: (line: string) => void; timeoutMs: number; abort?: AbortSignal | undefined },
): Promise<TaskEnd> {
  const path = taskPath(upid);
  const end = performance.now() + timeoutMs;
  let seen = 0;
  let pause = FIRST_POLL_MS;
  for (;;) {
    abort?.throwIfAborted();
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { status, exitstatus } = await client.call<TaskStatus>('GET', `${path}/status`);
    // oxlint-disable-next-line no-await-in-loop -- the log as it was after this look
    if (onLine !== undefined) seen = await readLog(client, path, seen, onLine);
    if (status === 'stopped') return { ok: isSuccess(exitstatus), exitStatus: exitstatus ?? 'unknown' };
    const left = end - performance.now();
    if (left <= 0) {
      throw new LxcriError(
        'ExecutionTimeout',
        `the task has not ended after ${timeoutMs} ms: ${upid}`,
        'it goes on; give it more time with --timeout',
      );
    }
    // oxlint-disable-next-line no-await-in-loop -- the server does not tell of the end
    await sleep(Math.min(pause, left), undefined, abort === undefined ? {} : { signal: abort });
    pause = Math.min(LAST_POLL_MS, pause * 1.5);
  }
}

/** The lines after the first `seen` ones; returns how many there are now. */
async function readLog(client: ApiClient, path: string, seen: number, onLine: (line: string) => void): Promise<number> {
  for (let last = seen; ; ) {
    // oxlint-disable-next-line no-await-in-loop -- one part after the other
    const lines = await client.call<LogLine[]>('GET', `${path}/log`, { start: last, limit: LOG_LINES });
    // An empty log, or its end, is one line that says so.
    const fresh = lines.filter(({ n, t }) => n > last && !(lines.length === 1 && t === 'no content'));
    for (const { t } of fresh) onLine(t);
    last = fresh.at(-1)?.n ?? last;
    if (fresh.length < LOG_LINES) return last;
  }
}

function isSuccess(exitStatus: string | undefined): boolean {
  return exitStatus === 'OK' || /^WARNINGS: \d+$/.test(exitStatus ?? '');
}

/** The node that runs a task is in its name, and is where it must be asked for. */
function taskPath(upid: string): string {
  const node = /^UPID:([^:]+):/.exec(upid)?.[1];
  if (node === undefined) throw new LxcriError('PlatformUnreachable', `the server gave no task: ${upid}`);
  return `/nodes/${encodeURIComponent(node)}/tasks/${encodeURIComponent(upid)}`;
}
