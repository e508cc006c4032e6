import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ensurePrivateDirectory } from '../../config/paths.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ExecResult } from '../../model/result.ts';
import { listenIn } from './control.ts';
import type { DetachedSignal } from './control.ts';
import { OutputFile } from './output-file.ts';
import { ResultFile } from './result-file.ts';
import { FILES, withoutOutput } from './store.ts';
import type { ExecutionStore, StoredRequest, StoredResult } from './store.ts';
import { ownMark } from './supervisor-mark.ts';

/** The folder of an execution, while it runs. */
export interface Place {
  readonly stdout: OutputFile;
  readonly stderr: OutputFile;
  /** Keeps the result; after this the execution has ended for everybody. */
  publish(result: ExecResult): Promise<void>;
  /** Takes everything back: nothing was started. */
  remove(): void;
}

/**
 * Makes the folder of an execution, with all that is needed until its end.
 *
 * @param maxOutputBytes kept of each stream.
 * @throws LxcriError when this host cannot keep it; nothing is left then.
 */
export async function makePlace(
  store: ExecutionStore,
  id: string,
  request: StoredRequest,
  maxOutputBytes: number,
  onSignal: (signal: DetachedSignal) => void,
): Promise<Place> {
  const unfinished = store.unfinishedPath(id);
  const path = (name: string): string => join(unfinished, name);
  try {
    ensurePrivateDirectory(dirname(store.directory));
    ensurePrivateDirectory(store.directory);
    mkdirSync(unfinished, { mode: 0o700 });
    writeFileSync(path(FILES.supervisor), ownMark(), { mode: 0o600 });
    writeFileSync(path(FILES.request), `${JSON.stringify(request)}\n`, { mode: 0o600 });
    const stdout = new OutputFile(path(FILES.stdout), maxOutputBytes);
    const stderr = new OutputFile(path(FILES.stderr), maxOutputBytes);
    const resultFile = new ResultFile(unfinished);
    await listenIn(unfinished, onSignal);
    renameSync(unfinished, store.path(id));
    return {
      stdout,
      stderr,
      async publish(result) {
        await stdout.close();
        await stderr.close();
        await resultFile.publish(store.path(id), `${JSON.stringify(stored(result, stdout, stderr))}\n`);
        rmSync(store.path(id, FILES.control), { force: true });
      },
      remove: () => store.remove(id),
    };
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw isLxcriError(error) ? error : cannotKeep(store.directory, error as NodeJS.ErrnoException);
  }
}

function stored(result: ExecResult, stdout: OutputFile, stderr: OutputFile): StoredResult {
  return {
    ...withoutOutput(result),
    cut: { stdout: stdout.truncated, stderr: stderr.truncated },
    outputError: stdout.failure ?? stderr.failure,
  };
}

function cannotKeep(directory: string, error: NodeJS.ErrnoException): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the output cannot be kept in ${JSON.stringify(directory)}: ${error.message}`,
    'free disk space there, or name another folder with PROXMOX_LXCRI_STATE_DIR',
    { cause: error },
  );
}
