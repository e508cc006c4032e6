/** The built bin/proxmox-lxcri, called as a user or a program calls it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';

export const CLI = resolve(import.meta.dirname, '../../../bin/proxmox-lxcri');

/** A word: text, or bytes where it is not UTF-8. */
export type Word = string | Buffer;

/** A standard input that the test writes and closes itself. */
export const OPEN = Symbol('open');

export interface CliOptions {
  /** Added to a small environment of its own: what the tests were started with does not matter. */
  readonly env?: NodeJS.ProcessEnv;
  /** Written to its standard input, which is then closed. Default: none (/dev/null). */
  readonly stdin?: Buffer | string | typeof OPEN | undefined;
  /** Reads its standard output through a pipe, as in a shell's pipeline; the exit code is still the CLI's. */
  readonly pipedTo?: string | undefined;
  readonly timeoutMs?: number;
}

export interface CliResult {
  readonly exitCode: number | null;
  /** The signal that ended the CLI itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** From the call until it had exited. */
  readonly durationMs: number;
}

export interface RunningCli {
  readonly pid: number;
  /** What it was called with. */
  readonly words: readonly Word[];
  readonly child: ChildProcess;
  /** What has come on standard output so far. */
  stdout(): Buffer;
  /** Resolves when the CLI has exited, although others may still hold its output. */
  readonly exited: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; durationMs: number }>;
  /** Resolves when its output has ended as well. */
  readonly ended: Promise<CliResult>;
}

const DEFAULT_TIMEOUT_MS = 100_000;

/** What the CLI needs to start; coverage of a run reaches it too, the configuration of this host does not. */
const BASE_ENVIRONMENT: NodeJS.ProcessEnv = { PROXMOX_LXCRI_CONFIG: '/dev/null' };
for (const name of ['PATH', 'NODE_V8_COVERAGE'])
  if (process.env[name] !== undefined) BASE_ENVIRONMENT[name] = process.env[name];

export function startCli(words: readonly Word[], options: CliOptions = {}): RunningCli {
  const { env, stdin, pipedTo, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const pipeline = pipedTo === undefined ? [] : ['bash', '-c', `"$@" | ${pipedTo}; exit \${PIPESTATUS[0]}`, 'bash'];
  const [file, ...args] = spawnable([...pipeline, CLI, ...words]);
  const begin = performance.now();
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...BASE_ENVIRONMENT, ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A test may close our ends, and the CLI may end without reading its input.
  for (const stream of child.stdio) stream?.on('error', () => {});
  if (stdin !== OPEN) child.stdin?.end(stdin);
  const described = (): string => `${words.map(String).join(' ').slice(0, 300)}: ${Buffer.concat(stderr).toString()}`;
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, timeoutMs);
  const exited = new Promise<Awaited<RunningCli['exited']>>((done, failed) => {
    child.on('error', failed);
    child.on('exit', (exitCode, signal) => {
      clearTimeout(timer);
      const durationMs = performance.now() - begin;
      if (durationMs >= timeoutMs) failed(new Error(`no end after ${timeoutMs} ms: ${described()}`));
      else done({ exitCode, signal, durationMs });
    });
  });
  const closed = new Promise<void>((done) => child.on('close', () => done()));
  const ended = exited.then(async (exit) => {
    await closed;
    return { ...exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
  });
  // Whoever waits for one of the two hears of the error.
  ended.catch(() => {});
  return { pid: child.pid ?? 0, words, child, stdout: () => Buffer.concat(stdout), exited, ended };
}

export function runCli(words: readonly Word[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(words, options).ended;
}

/** Node spawns with text only: where a word is bytes, a shell makes them, and becomes the program. */
function spawnable(words: readonly Word[]): [string, ...string[]] {
  const text = words.filter((word) => typeof word === 'string');
  if (text.length === words.length) return text as [string, ...string[]];
  let position = 0;
  const references = words.map((word) => {
    if (typeof word === 'string') return `"\${${++position}}"`;
    return `"$(printf '${[...word].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}')"`;
  });
  return ['/bin/sh', '-c', `exec ${references.join(' ')}`, 'sh', ...text];
}
