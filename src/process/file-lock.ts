import { spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';

import { findExecutable, helperEnvironment } from './executable.ts';

/** What flock(1) exits with when somebody else has the lock. */
const HELD = 1;

/**
 * A lock (flock(2)) on a file. Node has no call for it, so flock(1) of util-linux makes it on a descriptor that it
 * inherits from us. The lock belongs to the open file, not to the process: it stays when flock(1) has ended, and goes
 * when we and those that we handed the descriptor to have closed it, however we end.
 *
 * The file stays behind, empty: whoever removes a lock's file may take it from somebody who is about to use it.
 */
export class FileLock {
  readonly #path: string;
  #fd: number;
  #taken = false;

  /**
   * Opens the file, and makes it and its directory where they are missing.
   *
   * @throws Error of the system.
   */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openLockFile(path);
  }

  /** To be handed to who must hold the lock as well. It is not inherited by others. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Takes the lock if it is free.
   *
   * @returns whether it is ours.
   * @throws Error when flock(1) is missing or fails.
   */
  tryTake(): Promise<boolean> {
    return this.#take(['--nonblock']);
  }

  /**
   * Waits for the lock.
   *
   * @param abort ends the wait.
   * @returns whether it is ours; `false` only after an abort.
   * @throws Error when flock(1) is missing or fails.
   */
  take(abort: AbortSignal): Promise<boolean> {
    return this.#take([], abort);
  }

  async #take(options: readonly string[], abort?: AbortSignal): Promise<boolean> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- once, unless somebody removes the file
      this.#taken = await flock(this.#fd, options, abort);
      if (!this.#taken || this.#isInPlace()) return this.#taken;
      this.#taken = false;
      const found = openLockFile(this.#path);
      closeSync(this.#fd);
      this.#fd = found;
    }
  }

  /** Whether the file we have locked is the one that others will find. */
  #isInPlace(): boolean {
    try {
      const [ours, found] = [fstatSync(this.#fd), statSync(this.#path)];
      return ours.ino === found.ino && ours.dev === found.dev;
    } catch {
      return false;
    }
  }

  /** What the lock's holder has written about itself; `''` for nothing. */
  read(): string {
    return readFileSync(`/proc/self/fd/${this.#fd}`, 'utf8');
  }

  /** Says who holds it, in place of what stood there; a full disk does not matter. */
  write(about: string): void {
    try {
      ftruncateSync(this.#fd);
      writeSync(this.#fd, about, 0);
    } catch {
      // The lock is what counts.
    }
  }

  /** Gives the lock back, as far as we hold it. */
  close(): void {
    if (this.#taken) this.write('');
    closeSync(this.#fd);
  }
}

function openLockFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

/**
 * One that waits must end with us: it would wait on, and take the lock for a moment. The shell looks whether we had
 * ended before the kernel was told so.
 */
function endingWithUs(words: readonly string[]): string[] {
  const setpriv = findExecutable('setpriv');
  if (setpriv === undefined) throw new Error('setpriv (of util-linux) is not installed');
  const script = '[ "$PPID" = "$0" ] && exec "$@"';
  return [setpriv, '--pdeathsig', 'KILL', '/bin/sh', '-c', script, String(process.pid), ...words];
}

/** Whether the lock was got; with `abort` it is waited for. */
async function flock(fd: number, options: readonly string[], abort?: AbortSignal): Promise<boolean> {
  if (abort?.aborted === true) return false;
  const program = findExecutable('flock');
  if (program === undefined) throw new Error('flock (of util-linux) is not installed');
  const words = [program, '--exclusive', ...options, '3'];
  const [file = '', ...args] = abort === undefined ? words : endingWithUs(words);
  // In a session of its own: what a terminal sends to us, it is not to get.
  const child = spawn(file, args, {
    cwd: '/',
    detached: true,
    env: helperEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe', fd],
  });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    child.kill('SIGKILL');
  };
  abort?.addEventListener('abort', stop);
  const said = child.stderr === null ? '' : text(child.stderr);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  }).finally(() => abort?.removeEventListener('abort', stop));
  if (code === 0) return true;
  // Of one that waits, this code is an error.
  if (stopped || (code === HELD && abort === undefined)) return false;
  throw new Error(`flock failed: ${(await said).trim() || `exit code ${code}`}`);
}
