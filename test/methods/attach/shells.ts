/** Runs a script of ours as a container would: in one of the shells that /bin/sh can be, with an /etc of the test. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { spawnArguments } from '../../../src/methods/attach/argv.ts';
import type { Word } from '../../../src/model/request.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** Shells behave by the name they are called with: bash as "sh" is another one than bash. */
export const SHELLS = ['dash', 'bash', 'busybox'] as const;
export type Shell = (typeof SHELLS)[number];

/** What lxc-attach sets with --clear-env. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ENVIRONMENT = { PATH, container: 'lxc' };

/** Long enough for a busy machine; whatever waits longer hangs. */
const DEADLINE_MS = 10_000;

export interface ScriptOutcome {
  exitCode: number | null;
  /** The lines on descriptor 3. */
  said: string[];
  stdout: Buffer;
  stderr: string;
}

export interface ScriptCall {
  script: string;
  words: readonly Word[];
  env?: Record<string, string>;
  input?: string;
  /** A directory to be taken for /etc; see {@link etcWith}. */
  etc: string;
  /** Words before the shell. */
  prefix?: readonly string[];
}

/** A directory with these files; an empty path component is made as it is needed. */
export function directoryWith(files: Record<string, string | { content: string; mode: number }>): string {
  const directory = scratchDirectory();
  for (const [name, given] of Object.entries(files)) {
    const { content, mode } = typeof given === 'string' ? { content: given, mode: 0o644 } : given;
    mkdirSync(dirname(`${directory}/${name}`), { recursive: true });
    writeFileSync(`${directory}/${name}`, content);
    chmodSync(`${directory}/${name}`, mode);
  }
  return directory;
}

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nnobody:x:65534:65534::/:/sbin/nologin\n';
const GROUP = 'root:x:0:\napp:x:1000:\nextra:x:2000:app\nshared:x:2001:other,app\n';

/** An /etc with the users root, app and nobody, and these files. */
export function etcWith(files: Record<string, string> = {}): string {
  return directoryWith({ passwd: PASSWD, group: GROUP, 'nsswitch.conf': 'passwd: files\ngroup: files\n', ...files });
}

const names = new Map<Shell, string>();

/** The shell under the name "sh". */
function shellNamed(shell: Shell): string {
  const known = names.get(shell);
  if (known !== undefined) return known;
  const file = findExecutable(shell);
  if (file === undefined) throw new Error(`${shell} is not installed`);
  const name = `${scratchDirectory()}/sh`;
  symlinkSync(file, name);
  names.set(shell, name);
  return name;
}

export async function runScript(shell: Shell, call: ScriptCall): Promise<ScriptOutcome> {
  const { script, words, env = {}, input, etc, prefix = [] } = call;
  // In a mount namespace of its own, so that this host keeps its /etc.
  const entering = ['-m', '/bin/sh', '-c', 'mount --bind "$1" /etc && shift && exec "$@"', 'sh', etc, ...prefix];
  const unshare = findExecutable('unshare') ?? 'unshare';
  const { file, args } = spawnArguments(unshare, [...entering, shellNamed(shell), '-c', script, 'sh', ...words]);
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...ENVIRONMENT, ...env },
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  }, DEADLINE_MS);
  const exit = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  const streams = [1, 2, 3].map((fd) => buffer(child.stdio[fd] as Readable));
  const [exitCode, stdout, stderr, said] = await Promise.all([exit, ...streams]);
  clearTimeout(timer);
  if (late) throw new Error(`${shell} did not end within ${DEADLINE_MS} ms`);
  const lines = said?.toString() ?? '';
  return {
    exitCode,
    stdout: stdout ?? Buffer.alloc(0),
    stderr: stderr?.toString() ?? '',
    said: lines === '' ? [] : lines.replace(/\n$/, '').split('\n'),
  };
}
