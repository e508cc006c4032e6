import { spawn } from 'node:child_process';

import type { MethodResult } from '../../model/diagnosis.ts';
import type { MethodName } from '../../model/request.ts';
import type { ExecResult } from '../../model/result.ts';
import { monotonicMs } from '../monotonic.ts';

/** Runs this program with `exec --json` and further words. */
export interface Caller {
  /** @returns the result, and how long the whole call took, in milliseconds. */
  exec(words: readonly string[], abort: AbortSignal): Promise<{ result: ExecResult; durationMs: number }>;
}

/** How long a method may take for a command that takes no time. */
const LIMIT_SECONDS = 30;

/**
 * The program as users call it, so that what is measured is what they wait for.
 *
 * @param file the executable.
 */
export function callerOf(file: string, env: NodeJS.ProcessEnv): Caller {
  return {
    exec: (words, abort) =>
      new Promise((resolve, reject) => {
        const begin = monotonicMs();
        const child = spawn(file, ['exec', '--json', '--no-stdin', '--timeout', `${LIMIT_SECONDS}s`, ...words], {
          cwd: '/',
          env,
          stdio: ['ignore', 'pipe', 'ignore'],
          signal: abort,
        });
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
        child.on('error', (error) => {
          if (!abort.aborted) reject(error);
        });
        let durationMs = 0;
        child.on('exit', () => (durationMs = monotonicMs() - begin));
        child.on('close', () => {
          if (abort.aborted) {
            reject(abort.reason as Error);
            return;
          }
          try {
            resolve({ result: JSON.parse(output) as ExecResult, durationMs });
          } catch {
            reject(new Error(`${file} exec printed no result`));
          }
        });
      }),
  };
}

/** Words that a method could alter, split, or take for something of its own. */
const HARD_WORDS = ['a b', '', "it's $HOME `id` \\ *", '--', '-n', 'é\n€'];

/** Prints its words on standard output, and something else on standard error. */
const PROBE = `printf '%s|' "$@"; printf 'error output' >&2; exit 42`;

/** What came of trying a method. */
export interface Trial {
  readonly result: MethodResult;
  readonly reason: string | null;
  /** Whether it is the container that has nothing to try it with. */
  readonly nothingToRun: boolean;
}

/** Tries a method with a command that shows whether words, streams and exit code arrive as they are. */
export async function tryMethod(
  caller: Caller,
  method: MethodName,
  reference: string,
  abort: AbortSignal,
): Promise<Trial> {
  const words = ['--method', method, reference, '--', '/bin/sh', '-c', PROBE, 'sh', ...HARD_WORDS];
  const { result } = await caller.exec(words, abort);
  return judged(result);
}

/** What the result of the probe says of the method. */
export function judged(result: ExecResult): Trial {
  const { error, attempts, stdout, stderr, exitCode, timedOut } = result;
  const [attempt] = attempts;
  if (timedOut) return { result: 'fails', reason: `no answer within ${LIMIT_SECONDS} s`, nothingToRun: false };
  if (error === null) {
    const wrong = [
      stdout !== HARD_WORDS.map((word) => `${word}|`).join('') && 'the words',
      stderr !== 'error output' && 'the error output',
      exitCode !== 42 && 'the exit code',
    ].filter((what) => what !== false);
    return wrong.length === 0
      ? { result: 'works', reason: null, nothingToRun: false }
      : { result: 'unfaithful', reason: `${wrong.join(' and ')} did not arrive as they were`, nothingToRun: false };
  }
  const nothingToRun = error.code === 'CommandNotFound' || error.code === 'CommandNotExecutable';
  if (nothingToRun) return { result: 'untried', reason: 'the container has no /bin/sh to try it with', nothingToRun };
  return {
    result: attempt?.outcome === 'skipped' ? 'unavailable' : 'fails',
    reason: attempt?.reason ?? error.message,
    nothingToRun,
  };
}

/** How long one call that runs `true` takes, in milliseconds; `undefined` when it failed. */
export async function timeMethod(
  caller: Caller,
  method: MethodName,
  reference: string,
  abort: AbortSignal,
): Promise<number | undefined> {
  const { result, durationMs } = await caller.exec(['--method', method, reference, '--', 'true'], abort);
  return result.error === null && result.exitCode === 0 ? Math.round(durationMs * 10) / 10 : undefined;
}
