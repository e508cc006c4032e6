import { LxcriError } from '../model/errors.ts';
import { exitCodeOfSignal } from '../model/exit-codes.ts';
import type { Word } from '../model/request.ts';
import type { ExecResult } from '../model/result.ts';
import { failedResult, newExecutionId, newResult } from '../oci/new-result.ts';
import { FileLock } from '../process/file-lock.ts';
import { readProcess } from '../process/proc.ts';
import { say } from './messages.ts';
import { printDocument } from './print-document.ts';
import { parseDuration } from './values/duration.ts';

/** The values of `--lock`, `--if-locked` and `--lock-timeout`, where they were given. */
export interface LockWords {
  readonly name: string | undefined;
  readonly ifLocked: string | undefined;
  readonly timeout: string | undefined;
}

/** What of a call of `exec` matters here. */
export interface LockedCall {
  readonly container: string;
  readonly command: readonly Word[];
  readonly json: boolean;
  readonly verbose: boolean;
}

/**
 * The locks of this host. Not in /run/lock, where any user could make our directory first; nor in a directory that
 * something else clears.
 */
export const LOCK_DIRECTORY = '/run/proxmox-lxcri-locks';

/**
 * Runs something while the lock is ours, and while nothing else of this host has it.
 *
 * @param run gets the lock's descriptor, which is open as long as the lock is to be held; returns the exit code.
 * @param directory of the locks.
 * @returns the exit code: that of `run`, 0 when the lock is held and that was to be skipped, 128+n when signal n ended
 *   the wait.
 * @throws LxcriError `LockHeld` when somebody else has it and it was not, or not any longer, to be waited for;
 *   `UsageError`; `PlatformUnreachable` when no lock can be made.
 */
export async function runLocked(
  words: LockWords,
  call: LockedCall,
  run: (guard: number) => Promise<number>,
  directory = LOCK_DIRECTORY,
): Promise<number> {
  const { name, ifLocked, timeoutMs } = understandLock(words);
  const path = `${directory}/${name}.lock`;
  const lock = await attempt(path, () => new FileLock(path));
  try {
    if (!(await attempt(path, () => lock.tryTake()))) {
      if (ifLocked === 'fail') throw heldError(name, lock, '');
      if (ifLocked === 'skip') return await skip(heldError(name, lock, ''), call);
      const begun = (): void => {
        if (call.verbose) say(`lock ${name}: waiting, it is held by ${holderOf(lock)}`);
      };
      const ended = await attempt(path, () => wait(lock, timeoutMs, begun));
      if (ended === 'too late') throw heldError(name, lock, ` for longer than ${words.timeout}`);
      if (ended !== 'taken') return await canceled(ended, name, call);
    }
    lock.write(aboutUs(call.container));
    return await run(lock.fd);
  } finally {
    lock.close();
  }
}

interface Lock {
  readonly name: string;
  readonly ifLocked: IfLocked;
  readonly timeoutMs: number | undefined;
}

const IF_LOCKED = ['wait', 'skip', 'fail'] as const;
type IfLocked = (typeof IF_LOCKED)[number];

/** Also the name of a file, so that it needs no escaping. */
const LOCK_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;

function understandLock({ name, ifLocked, timeout }: LockWords): Lock {
  if (name === undefined) {
    throw new LxcriError(
      'UsageError',
      `${ifLocked === undefined ? '--lock-timeout' : '--if-locked'} without a lock`,
      'name one with --lock NAME',
    );
  }
  if (!LOCK_NAME.test(name)) {
    throw new LxcriError(
      'UsageError',
      `--lock: ${JSON.stringify(name)} cannot be the name of a lock`,
      'use up to 200 letters, digits, ".", "_" and "-", and begin with a letter, digit or "_"',
    );
  }
  const wish = IF_LOCKED.find((known) => known === (ifLocked ?? 'wait'));
  if (wish === undefined) {
    throw new LxcriError(
      'UsageError',
      `--if-locked: ${JSON.stringify(ifLocked)} is no choice`,
      `use one of: ${IF_LOCKED.join(', ')}`,
    );
  }
  if (timeout !== undefined && wish !== 'wait') {
    throw new LxcriError(
      'UsageError',
      `--lock-timeout says how long to wait, and --if-locked ${wish} does not`,
      'leave one of them out',
    );
  }
  return {
    name,
    ifLocked: wish,
    timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, '--lock-timeout'),
  };
}

/** Does something with a lock's file that only this host can prevent. */
async function attempt<T>(path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new LxcriError(
      'PlatformUnreachable',
      `the lock ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}`,
      'check that folder, and that util-linux is installed',
      { cause: error },
    );
  }
}

const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** For the command, which is not there yet. USR1 would make Node listen for a debugger. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGUSR1', 'SIGUSR2'];

/**
 * Waits until the lock is ours, time has run out, or a signal has come.
 *
 * @param begun is called when signals end the wait, and no longer the process.
 */
async function wait(
  lock: FileLock,
  timeoutMs: number | undefined,
  begun: () => void,
): Promise<'taken' | 'too late' | NodeJS.Signals> {
  const abort = new AbortController();
  let ended: 'too late' | NodeJS.Signals = 'too late';
  const end = (signal: NodeJS.Signals): void => {
    ended = signal;
    abort.abort();
  };
  const ignore = (): void => {};
  for (const signal of ENDING) process.on(signal, end);
  for (const signal of PASSED_ON) process.on(signal, ignore);
  begun();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => abort.abort(), timeoutMs);
  try {
    const taken = await lock.take(abort.signal);
    return taken && !abort.signal.aborted ? 'taken' : ended;
  } finally {
    clearTimeout(timer);
    for (const signal of ENDING) process.off(signal, end);
    for (const signal of PASSED_ON) process.off(signal, ignore);
  }
}

async function skip(error: LxcriError, { command, json, verbose }: LockedCall): Promise<number> {
  if (verbose) say(`${error.message}; nothing was started`);
  return json ? printResult({ ...failedResult(error, command), exitCode: 0 }) : 0;
}

async function canceled(signal: NodeJS.Signals, name: string, { command, json }: LockedCall): Promise<number> {
  const exitCode = exitCodeOfSignal(signal);
  if (json) return printResult({ ...newResult(newExecutionId(), command, new Date()), canceled: true, exitCode });
  say(`${signal} ended the wait for lock ${name}; nothing was started`);
  return exitCode;
}

function printResult(result: ExecResult): Promise<number> {
  return printDocument(result, result.exitCode, `the exit code is ${result.exitCode}`);
}

/** Who holds a lock, as it stands in the lock's file. */
interface Holder {
  readonly pid: number;
  /** Of the process (proc_pid_stat(5)): its number may be another's by now. */
  readonly startTime: number;
  readonly since: string;
  readonly container: string;
}

function aboutUs(container: string): string {
  const holder: Holder = {
    pid: process.pid,
    startTime: readProcess(process.pid)?.startTime ?? 0,
    since: new Date().toISOString().replace(/\.\d+/, ''),
    container,
  };
  return JSON.stringify(holder);
}

function heldError(name: string, lock: FileLock, howLong: string): LxcriError {
  return new LxcriError(
    'LockHeld',
    `lock ${name} was held${howLong} by ${holderOf(lock)}`,
    'let that run end, or choose with --if-locked wait, skip or fail',
  );
}

/** The file may be empty, or tell of the last holder for a moment; flock(1) can hold our locks too, and says nothing. */
function holderOf(lock: FileLock): string {
  try {
    const { pid, startTime, since, container } = JSON.parse(lock.read()) as Holder;
    const run = `process ${pid} (container ${container}, since ${since})`;
    const found = readProcess(pid);
    const lives = found?.startTime === startTime && found.state !== 'Z';
    return lives ? run : `what is left of ${run}, which was killed`;
  } catch {
    return 'another program';
  }
}
