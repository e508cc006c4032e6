import { spawn } from 'node:child_process';

import { LxcriError } from '../model/errors.ts';
import { endDescendants } from '../process/descendants.ts';
import type { SecretSource } from './context.ts';
import { readPrivateFile } from './private-file.ts';

/** Long enough for somebody to unlock a key store. */
const COMMAND_TIMEOUT_MS = 60_000;

const MAX_BYTES = 65_536;

/**
 * A secret: the first line of what its source has. It is read anew each time, and kept by nobody here.
 *
 * @param what names the secret in errors, such as `the token root@pam!cli of the context home`.
 * @throws LxcriError `ConfigError`, or `AuthenticationFailed` where there is none; never with a part of the secret.
 */
export async function readSecret(source: SecretSource, what: string, env: NodeJS.ProcessEnv): Promise<string> {
  const text = await textOf(source, what, env);
  const secret = (text.split('\n', 1)[0] ?? '').replace(/\r$/, '');
  if (secret !== '') return secret;
  throw missing(what, `${shownSource(source)} holds nothing in its first line`);
}

/** Where a secret is, for people. */
export function shownSource(source: SecretSource): string {
  if (source.kind === 'file') return `the file ${source.path}`;
  return source.kind === 'variable' ? `the variable ${source.name}` : `the command ${source.argv[0]}`;
}

async function textOf(source: SecretSource, what: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (source.kind === 'command') return outputOf(source.argv, what, env);
  const text = source.kind === 'file' ? readPrivateFile(source.path) : env[source.name];
  if (text !== undefined) return text;
  throw missing(what, source.kind === 'file' ? `there is no file ${source.path}` : `${source.name} is not set`);
}

function missing(what: string, why: string): LxcriError {
  return new LxcriError(
    'AuthenticationFailed',
    `${what}: ${why}`,
    'put it there, or log in again: proxmox-lxcri login',
  );
}

/** How the programs that run are ended. One listener does for all of them. */
const endings = new Set<() => void>();

function endAll(): void {
  for (const end of endings) end();
}

/**
 * What a program says. It gets our environment, because key stores need much of it, and our standard error, because it may
 * ask there; but nothing of our input. It is ended when it says too much or takes too long, and when this process ends.
 */
function outputOf([file, ...args]: readonly [string, ...string[]], what: string, env: NodeJS.ProcessEnv) {
  return new Promise<string>((resolve, reject) => {
    const failed = (why: string): void => {
      clearTimeout(timer);
      endings.delete(end);
      reject(
        new LxcriError('AuthenticationFailed', `${what}: the command ${file} ${why}`, 'run it by hand to see why'),
      );
    };
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const end = (): void => {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (child.pid !== undefined && !hasEnded) endDescendants(child.pid);
      child.stdout.destroy();
    };
    // Whoever asked may not wait any longer, and end us.
    process.off('exit', endAll).on('exit', endAll);
    endings.add(end);
    const timer = setTimeout(() => {
      end();
      failed(`has not ended after ${COMMAND_TIMEOUT_MS / 1000} s`);
    }, COMMAND_TIMEOUT_MS);
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= MAX_BYTES) return;
      end();
      failed(`says more than ${MAX_BYTES / 1024} KiB`);
    });
    child.on('error', (error) => failed(`cannot be run (${error.message})`));
    child.on('exit', (exitCode, signal) => {
      // What it wrote before its end is in the pipe by now; what it left behind may hold it open.
      setImmediate(() => {
        clearTimeout(timer);
        endings.delete(end);
        child.stdout.destroy();
        if (exitCode === 0) resolve(Buffer.concat(chunks).toString());
        else failed(`ended with ${signal ?? `exit code ${exitCode}`}`);
      });
    });
  });
}
