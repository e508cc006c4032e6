import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError } from '../../model/errors.ts';
import { EXIT } from '../../model/exit-codes.ts';
import type { ExecResult } from '../../model/result.ts';
import { Capture } from '../capture.ts';
import { monotonicMs } from '../monotonic.ts';
import { newResult } from '../new-result.ts';
import { connectTo } from './control.ts';
import { FILES, withoutOutput } from './store.ts';
import type { ExecutionStore, StoredExecution, StoredResult } from './store.ts';

/** For how long a supervisor that does not listen may look alive: it is ending. */
const ENDING_MS = 2000;
const ENDING_POLL_MS = 20;

/** A detached execution that does not run (any more). */
export interface EndedExecution extends StoredExecution {
  readonly result: StoredResult;
}

/**
 * Waits until an execution has ended, or its supervisor is gone.
 *
 * @throws LxcriError `InvalidExecutionId` when it is removed meanwhile, `PlatformUnreachable` when its supervisor runs but
 *   cannot be asked.
 */
export async function untilEnded(store: ExecutionStore, id: string): Promise<EndedExecution> {
  const supervisor = await connectTo(store.path(id));
  // The kernel closes the connection, however the supervisor ends.
  if (supervisor !== undefined) await new Promise((resolve) => supervisor.resume().on('close', resolve));
  const deadline = monotonicMs() + ENDING_MS;
  for (;;) {
    const execution = store.get(id);
    if (execution.status !== 'running') return ended(execution);
    if (monotonicMs() > deadline) {
      throw new LxcriError(
        'PlatformUnreachable',
        `the supervisor of execution ${id} runs, but does not answer`,
        `look at it with: cat ${store.path(id, FILES.supervisor)}`,
      );
    }
    // oxlint-disable-next-line no-await-in-loop
    await sleep(ENDING_POLL_MS);
  }
}

/**
 * An execution as one that has ended.
 *
 * @throws LxcriError `ExecutionRunning`
 */
export function ended(execution: StoredExecution): EndedExecution {
  const { id, status, startedAt, result } = execution;
  if (status === 'running') {
    throw new LxcriError(
      'ExecutionRunning',
      `execution ${id} is still running, since ${startedAt}`,
      `wait for it with: proxmox-lxcri result ${id} --wait`,
    );
  }
  return { ...execution, result: result ?? lost(execution) };
}

/** What is known when there is no result: whether the command ran to its end is not. */
function lost({ id, startedAt }: StoredExecution): StoredResult {
  const error = new LxcriError(
    'ConnectionLost',
    `execution ${id} has no result: its supervisor was killed, or this host went down`,
    'check in the container what the command has done before running it again',
  );
  return {
    ...withoutOutput(newResult(id, [], new Date(startedAt))),
    exitCode: EXIT.connectionLost,
    connectionLost: true,
    started: true,
    outputIncomplete: true,
    error: error.toInfo(),
    cut: { stdout: false, stderr: false },
    outputError: null,
  };
}

/**
 * The structured result, as `exec --json` gives it.
 *
 * @param maxOutputBytes of each stream.
 */
export function execResultOf(store: ExecutionStore, execution: EndedExecution, maxOutputBytes: number): ExecResult {
  const { id, command, result } = execution;
  const { cut, outputError: _, ...known } = result;
  const stdout = capture(store.path(id, FILES.stdout), maxOutputBytes, cut.stdout);
  const stderr = capture(store.path(id, FILES.stderr), maxOutputBytes, cut.stderr);
  const [out, err] = [stdout.take(), stderr.take()];
  return {
    // Gives the keys their usual order.
    ...newResult(id, command, new Date(execution.startedAt)),
    ...known,
    stdout: out.text,
    stderr: err.text,
    stdoutEncoding: out.encoding,
    stderrEncoding: err.encoding,
    truncated: stdout.truncated || stderr.truncated,
  };
}

const CHUNK_BYTES = 65_536;

function capture(path: string, limit: number, cut: boolean): Capture {
  const captured = new Capture(limit);
  // A folder that lost a file has lost its output, not what else is known.
  if (!existsSync(path)) return captured;
  const fd = openSync(path, 'r');
  try {
    for (let bytes = 1; bytes > 0 && !captured.truncated; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      bytes = readSync(fd, chunk);
      captured.write(chunk.subarray(0, bytes));
    }
  } finally {
    closeSync(fd);
  }
  if (cut) captured.cut();
  return captured;
}
