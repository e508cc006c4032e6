import { spawn } from 'node:child_process';

import { LxcriError } from '../model/errors.ts';
import { findExecutable, helperEnvironment } from './executable.ts';
import { withUsualMask } from './usual-mask.ts';

/** What a tool says is shown in an error at most; the rest is dropped. */
const MAX_OUTPUT_BYTES = 65_536;

/**
 * Runs an administrator's tool of this host to its end, with nothing of our environment and no standard input. It ends
 * when the tool does, although daemons that it left may hold its output open.
 *
 * @param abort ends it with SIGTERM; this rejects with its reason once it has ended.
 * @returns `undefined` when it succeeded, else what it said, or how it ended where it said nothing.
 * @throws LxcriError NoMethodAvailable when it is not installed.
 */
export function runTool(name: string, args: readonly string[], abort?: AbortSignal): Promise<string | undefined> {
  const file = findExecutable(name);
  if (file === undefined) {
    throw new LxcriError(
      'NoMethodAvailable',
      `${name} is not installed`,
      `install the package that has it (${name === 'pct' ? 'pve-container' : 'lxc'})`,
    );
  }
  return new Promise((resolve, reject) => {
    // The caller's mask would become that of a container that is started, for good.
    const [shell, ...words] = withUsualMask(file);
    const child = spawn(shell, [...words, ...args], {
      cwd: '/',
      env: helperEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(abort === undefined ? {} : { signal: abort }),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      if (abort?.aborted !== true) reject(error);
    });
    child.on('exit', (exitCode, signal) => {
      // What it wrote before its end is in the pipes by now, and is read in this turn of the event loop.
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        if (abort?.aborted === true) {
          reject(abort.reason as Error);
          return;
        }
        const said = Buffer.concat(chunks)
          .toString()
          .trim()
          .replaceAll(/\s*\n\s*/g, '; ');
        resolve(exitCode === 0 ? undefined : said || `${name} ended with ${signal ?? `exit code ${exitCode}`}`);
      });
    });
  });
}
