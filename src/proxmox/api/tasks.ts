import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { oneLine } from './answer.ts';
import type { ApiClient } from './client.ts';
import { Misfit, amount, list, nodeName, object, oneOf, optional, text } from './shape.ts';
import type { Reader } from './shape.ts';

/** How often a task is looked at: soon at first, because most starts take less than a second. */
const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 1000;

/** So many are asked for at once. */
const LOG_LINES = 500;

/** What a node does in the background. */
export interface Task {
  /** Its name. */
  readonly upid: string;
  /** Where it runs, and is asked for. */
  readonly node: string;
  /** What it does, such as `vzstart`. */
  readonly type: string;
}

/** The name of a task, `UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:` (PVE/UPID.pm). */
export const TASK: Reader<Task> = (value, at) => {
  const upid = text(value, at);
  const [, node, type] =
    /^UPID:([^:]+):[\dA-F]{8}:[\dA-F]{8,9}:[\dA-F]{8}:([^:\s]+):[^:\s]*:[^:\s]+:$/i.exec(upid.slice(0, MAX_UPID)) ?? [];
  if (node === undefined || type === undefined || !upid.isWellFormed()) throw new Misfit('the data is no task');
  return { upid, node: nodeName(node, `${at} the node of the task`), type };
};

const MAX_UPID = 512;

const STATUS = object({ status: oneOf('running', 'stopped'), exitstatus: optional(text) });

const LINES = list(object({ n: amount, t: text }));

/** How a task ended. */
export interface TaskEnd {
  /** False for an error; warnings are a success. */
  readonly ok: boolean;
  /** `OK`, `WARNINGS: 1`, or what went wrong. */
  readonly exitStatus: string;
}

/** How a task is waited for. */
export interface TaskWait {
  /** Gets each line of the task's log as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** After which we stop waiting; the task goes on. */
  readonly timeoutMs: number;
  readonly abort?: AbortSignal | undefined;
}

/**
 * Waits for a task of a node.
 *
 * @throws LxcriError ExecutionTimeout; ConnectionLost when the task cannot be asked for any more: what becomes of it is not
 *   known then. The reason of `abort`.
 */
export async function waitForTask(
  client: ApiClient,
  task: Task,
  { onLine, timeoutMs, abort }: TaskWait,
): Promise<TaskEnd> {
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)));
  try {
    return await followTask(client, task, onLine, abort === undefined ? limit : AbortSignal.any([abort, limit]));
  } catch (error) {
    abort?.throwIfAborted();
    if (limit.aborted) {
      throw new LxcriError(
        'ExecutionTimeout',
        `the task has not ended after ${timeoutMs} ms: ${task.upid}`,
        'it goes on; give it more time with --timeout',
      );
    }
    if (!isLxcriError(error)) throw error;
    throw new LxcriError(
      'ConnectionLost',
      `what became of the task ${task.upid} is not known: ${error.message}`,
      `it goes on at the node ${task.node}: look there, in its task list`,
      { cause: error },
    );
  }
}

async function followTask(
  client: ApiClient,
  { upid, node }: Task,
  onLine: ((line: string) => void) | undefined,
  abort: AbortSignal,
): Promise<TaskEnd> {
  // The node that runs a task must be asked for it.
  const path = `/nodes/${encodeURIComponent(node)}/tasks/${encodeURIComponent(upid)}`;
  let seen = 0;
  for (let pause = FIRST_POLL_MS; ; pause = Math.min(LAST_POLL_MS, pause * 1.5)) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const { status, exitstatus } = await client.ask(STATUS, 'GET', `${path}/status`, {}, abort);
    // oxlint-disable-next-line no-await-in-loop -- the log as it was after this look
    if (onLine !== undefined) seen = await readLog(client, path, seen, onLine, abort);
    if (status === 'stopped') return { ok: isSuccess(exitstatus), exitStatus: oneLine(exitstatus ?? 'unknown') };
    // oxlint-disable-next-line no-await-in-loop -- the server does not tell of the end
    await sleep(pause, undefined, { signal: abort });
  }
}

/** The lines after the first `seen` ones; returns how many there are now. */
async function readLog(
  client: ApiClient,
  path: string,
  seen: number,
  onLine: (line: string) => void,
  abort: AbortSignal,
): Promise<number> {
  for (let last = seen; ; ) {
    // oxlint-disable-next-line no-await-in-loop -- one part after the other
    const lines = await client.ask(LINES, 'GET', `${path}/log`, { start: last, limit: LOG_LINES }, abort);
    // An empty log, or its end, is one line that says so.
    const fresh = lines.filter(({ n, t }) => n > last && !(lines.length === 1 && t === 'no content'));
    for (const { t } of fresh) onLine(oneLine(t));
    last = fresh.at(-1)?.n ?? last;
    if (fresh.length < LOG_LINES) return last;
  }
}

function isSuccess(exitStatus: string | undefined): boolean {
  return exitStatus === 'OK' || /^WARNINGS: \d+$/.test(exitStatus ?? '');
}
