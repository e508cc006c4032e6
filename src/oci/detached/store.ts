import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { LxcriError } from '../../model/errors.ts';
import type { ExecResult } from '../../model/result.ts';
import { isAlive } from './supervisor-mark.ts';

/** The files of an execution's folder. */
export const FILES = {
  request: 'request.json',
  /** The raw bytes of the command's streams. */
  stdout: 'stdout',
  stderr: 'stderr',
  /** Who supervises it, see {@link isAlive}. */
  supervisor: 'supervisor',
  /** A socket, while it runs. */
  control: 'control',
  /** There once it has ended. */
  result: 'result.json',
} as const;

/** What is known of an execution from its start on. No values of variables. */
export interface StoredRequest {
  /** The container reference as typed. */
  readonly container: string;
  readonly command: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

/** The parts of a result that follow from other files. */
const KEPT_ELSEWHERE = ['command', 'stdout', 'stderr', 'stdoutEncoding', 'stderrEncoding', 'truncated'] as const;

/** The result without what is in files of its own. */
export type StoredResult = Omit<ExecResult, (typeof KEPT_ELSEWHERE)[number]> & {
  /** The streams of which something was dropped. */
  readonly cut: { readonly stdout: boolean; readonly stderr: boolean };
  /** Why output could not be kept, as the kernel's error code; `null` where it could. */
  readonly outputError: string | null;
};

/** The part of a result that is stored with it. */
export function withoutOutput(result: ExecResult): Omit<StoredResult, 'cut' | 'outputError'> {
  const elsewhere: readonly string[] = KEPT_ELSEWHERE;
  const stored = Object.entries(result).filter(([key]) => !elsewhere.includes(key));
  return Object.fromEntries(stored) as Omit<StoredResult, 'cut' | 'outputError'>;
}

/** A detached execution as its folder tells of it. */
export interface StoredExecution extends StoredRequest {
  readonly id: string;
  /** `lost`: its supervisor is gone and has left no result. */
  readonly status: 'running' | 'ended' | 'lost';
  /** Present when it has ended. */
  readonly result: StoredResult | undefined;
}

/** The form of an execution's id, and of the beginning of one that is long enough to be typed. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PREFIX = /^[0-9a-f][0-9a-f-]{3,35}$/;
const TOO_SHORT = /^[0-9a-f]{1,3}$/;

/** Whether a word has the form of a whole id. */
export function isExecutionId(word: string): boolean {
  return ID.test(word);
}

/** A folder whose name starts so is being made; with the other one, it is being removed. */
const UNFINISHED = '.new-';
const REMOVED = '.removed-';

/** The folder in which detached executions are kept, one folder each. */
export class ExecutionStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The store below a state directory. */
  static below(stateDirectory: string): ExecutionStore {
    return new ExecutionStore(join(stateDirectory, 'executions'));
  }

  /** Whether there is one yet. */
  get isThere(): boolean {
    return existsSync(this.directory);
  }

  /** The path of a file of an execution, or of its folder. */
  path(id: string, file: (typeof FILES)[keyof typeof FILES] | '' = ''): string {
    return join(this.directory, id, file);
  }

  /** Where the folder of a new execution is made; it gets its name when it is complete. */
  unfinishedPath(id: string): string {
    return join(this.directory, UNFINISHED + id);
  }

  /** All executions, the newest first. */
  all(): StoredExecution[] {
    return this.#ids()
      .map((id) => this.read(id))
      .filter((found) => found !== undefined)
      .toSorted((one, other) => (one.startedAt < other.startedAt ? 1 : -1));
  }

  /**
   * The id that a word means: a whole one, or the beginning of just one.
   *
   * @returns `undefined` when it means none of ours.
   * @throws LxcriError `InvalidExecutionId` when it is the beginning of several.
   */
  find(word: string): string | undefined {
    if (!PREFIX.test(word)) return undefined;
    const found = this.#ids().filter((id) => id.startsWith(word));
    if (found.length > 1) {
      throw new LxcriError(
        'InvalidExecutionId',
        `${word} is the beginning of ${found.length} execution ids: ${found.slice(0, 4).join(', ')}`,
        'write more of it',
      );
    }
    return found[0];
  }

  /**
   * The execution that a word means.
   *
   * @throws LxcriError `InvalidExecutionId`
   */
  get(word: string): StoredExecution {
    const id = this.find(word);
    const found = id === undefined ? undefined : this.read(id);
    if (found !== undefined) return found;
    throw new LxcriError(
      'InvalidExecutionId',
      `there is no detached execution ${JSON.stringify(word.slice(0, 64))}`,
      `${TOO_SHORT.test(word) ? 'write at least four characters of its id; ' : ''}list them with: proxmox-lxcri result`,
    );
  }

  /** One execution; `undefined` when it is not there. */
  read(id: string): StoredExecution | undefined {
    const began = modified(this.path(id));
    if (began === undefined) return undefined;
    const request: StoredRequest = (parsed(this.path(id, FILES.request)) as StoredRequest | undefined) ?? {
      container: '',
      command: [],
      startedAt: began.toISOString(),
    };
    const alive = isAlive(text(this.path(id, FILES.supervisor)) ?? '');
    // Looked for after the supervisor: it may have written it, and ended, in between.
    const result = parsed(this.path(id, FILES.result)) as StoredResult | undefined;
    if (result !== undefined) return { ...request, id, result, status: 'ended' };
    // Removed by somebody else while it was being read.
    if (!alive && modified(this.path(id)) === undefined) return undefined;
    return { ...request, id, result, status: alive ? 'running' : 'lost' };
  }

  /** Removes an execution from the store, at once for everybody else. */
  remove(id: string): void {
    const removed = join(this.directory, REMOVED + id);
    try {
      renameSync(this.path(id), removed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    rmSync(removed, { recursive: true, force: true });
  }

  /** Removes executions that have ended longer than this ago, and what interrupted calls have left. Never one that runs. */
  prune(keepMs: number): void {
    const oldest = Date.now() - keepMs;
    for (const id of this.#ids()) {
      const path = this.path(id);
      const ended = modified(existsSync(this.path(id, FILES.result)) ? this.path(id, FILES.result) : path);
      if (ended !== undefined && ended.getTime() < oldest && this.read(id)?.status !== 'running') this.remove(id);
    }
    for (const name of list(this.directory)) {
      const path = join(this.directory, name);
      const unused = name.startsWith(UNFINISHED) && !isAlive(text(join(path, FILES.supervisor)) ?? '');
      if (name.startsWith(REMOVED) || (unused && (modified(path)?.getTime() ?? oldest) < oldest)) {
        rmSync(path, { recursive: true, force: true });
      }
    }
  }

  #ids(): string[] {
    return list(this.directory).filter((name) => ID.test(name));
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code !== 'ENOTDIR') throw error;
    throw new LxcriError(
      'ConfigError',
      `${JSON.stringify(directory)} cannot be a directory: it, or what is above it, is something else`,
      'name another state directory in the configuration, or in PROXMOX_LXCRI_STATE_DIR',
      { cause: error },
    );
  }
}

function modified(path: string): Date | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtime;
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The object in a file of ours; `undefined` when it is missing, or cut off by a loss of power. */
function parsed(path: string): object | undefined {
  try {
    return JSON.parse(text(path) ?? '') as object;
  } catch {
    return undefined;
  }
}
