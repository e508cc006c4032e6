/** Running the tools that packages are made with. */
import { spawnSync } from 'node:child_process';

const OUTPUT_LIMIT = 64 * 1024 * 1024;

export type Argv = readonly [string, ...string[]];

/**
 * Runs a program to its end and returns what it printed.
 *
 * @throws Error with what it said, when it fails or is not there.
 */
export function run([file, ...args]: Argv, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const done = spawnSync(file, args, { ...options, encoding: 'utf8', maxBuffer: OUTPUT_LIMIT });
  if (done.status === 0) return done.stdout;
  const failure: NodeJS.ErrnoException | undefined = done.error;
  if (failure?.code === 'ENOENT') throw new Error(`${file} is missing; run: npm run setup:host`);
  throw new Error(`${file} ${args.join(' ')}: ${done.error?.message ?? (done.stderr.trim() || done.stdout.trim())}`);
}
