/** Runs a program to its end and gives back all it said: for preparing and asserting, not for measuring. */
import { spawn, spawnSync } from 'node:child_process';

export interface RunOptions {
  input?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  timeoutMs?: number;
}

export interface RunResult {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** The same output before any decoding. */
  stdoutBytes: Buffer;
  stderrBytes: Buffer;
}

export type Argv = readonly [string, ...string[]];

const DEFAULT_TIMEOUT_MS = 60_000;

export function run(argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  const [file, ...args] = argv;
  const { input, env, cwd, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: env ?? process.env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input is no error of ours.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // Whoever inherited the pipes may keep them open for ever: do not wait for 'close'.
      child.stdout?.destroy();
      child.stderr?.destroy();
      reject(new Error(`${argv.join(' ')}: no end after ${timeoutMs} ms; stderr: ${Buffer.concat(stderr).toString()}`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      resolve(result(exitCode, signal, Buffer.concat(stdout), Buffer.concat(stderr)));
    });
  });
}

/** Like `run`, for places that must not yield: exit handlers, building the cache. */
export function runSync(argv: Argv, options: RunOptions = {}): RunResult {
  const [file, ...args] = argv;
  const { input, env, cwd, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const done = spawnSync(file, args, {
    env: env ?? process.env,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: Number.POSITIVE_INFINITY,
    ...(cwd === undefined ? {} : { cwd }),
    ...(input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input }),
  });
  if (done.error !== undefined) {
    throw new Error(`${argv.join(' ')}: ${done.error.message}; stderr: ${String(done.stderr ?? '')}`);
  }
  return result(done.status, done.signal, done.stdout, done.stderr);
}

export async function must(argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  return succeeded(argv, await run(argv, options));
}

export function mustSync(argv: Argv, options: RunOptions = {}): RunResult {
  return succeeded(argv, runSync(argv, options));
}

function result(
  exitCode: number | null,
  signal: NodeJS.Signals | null,
  stdoutBytes: Buffer,
  stderrBytes: Buffer,
): RunResult {
  return { exitCode, signal, stdout: stdoutBytes.toString(), stderr: stderrBytes.toString(), stdoutBytes, stderrBytes };
}

function succeeded(argv: Argv, done: RunResult): RunResult {
  if (done.exitCode !== 0) {
    throw new Error(`${argv.join(' ')}: ended with ${done.exitCode ?? done.signal}: ${done.stderr || done.stdout}`);
  }
  return done;
}
