/** Running what is measured. */
import { spawnSync } from 'node:child_process';

/** Nothing that is measured takes a tenth of this. */
const TIMEOUT_MS = 60_000;

export type Argv = readonly [string, ...string[]];

/** Runs a program to its end and returns the milliseconds it took. It blocks, so that nothing of ours runs meanwhile. */
export function timeOf([file, ...args]: Argv): number {
  const start = performance.now();
  const { status, error, signal } = spawnSync(file, args, { stdio: 'ignore', cwd: '/', timeout: TIMEOUT_MS });
  const elapsed = performance.now() - start;
  if (status !== 0) throw failure([file, ...args], error?.message ?? `ended with ${status ?? signal}`);
  return elapsed;
}

/** What {@link bash} is given beside the line. */
export interface BashOptions {
  /** `$0`. */
  readonly zero?: string;
  readonly env?: Record<string, string>;
}

/**
 * Runs a line of bash, for real pipes (Node's are sockets), and returns what it printed.
 *
 * @param words its `$1`, `$2` ...
 */
export function bash(
  line: string,
  words: readonly string[] = [],
  { zero = 'bash', env = {} }: BashOptions = {},
): string {
  const { status, error, signal, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', line, zero, ...words], {
    cwd: '/',
    timeout: TIMEOUT_MS,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw failure([line, ...words], `ended with ${status ?? signal}: ${error?.message ?? stderr}`);
  return stdout;
}

function failure(words: readonly string[], reason: string): Error {
  return new Error(`${words.join(' ')}: ${reason.trim()}`);
}
