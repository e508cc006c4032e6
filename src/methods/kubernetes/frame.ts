import { randomUUID } from 'node:crypto';

import type { ClusterClient } from '../../model/pod.ts';
import { podPath } from '../../kubernetes/pods.ts';
import type { PodAccess } from '../../model/pod.ts';
import { LOADER, TERMINAL_LOADER } from './scripts.ts';

/** What is to be run in a container. */
export interface ExecTarget {
  readonly words: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** The path of an execution (k8s.io/api, core/v1, PodExecOptions). Its words are in it, and in the cluster's audit log. */
export function execPath({ namespace, pod, container }: PodAccess, { words, stdin, tty }: ExecTarget): string {
  const query = new URLSearchParams({ container, stdout: 'true' });
  if (stdin) query.set('stdin', 'true');
  if (tty) query.set('tty', 'true');
  else query.set('stderr', 'true');
  for (const word of words) query.append('command', word);
  return `${podPath(namespace, pod)}/exec?${query.toString()}`;
}

/** The words that load a script; `name` ends it. */
export function loaderWords(name: string, words: readonly string[], atTerminal = false): string[] {
  return ['/bin/sh', '-c', atTerminal ? TERMINAL_LOADER : LOADER, name, ...words];
}

/** A script as the loader reads it. */
export function frame(name: string, script: string): Buffer {
  return Buffer.from(`${script}\n${name}\n`);
}

/** The most that a script of ours says. */
const MAX_SAID_BYTES = 64 * 1024;

/**
 * Runs a script of ours in a container, without input.
 *
 * @returns what it says on standard output; `undefined` where the container has no shell.
 * @throws LxcriError as the client's own.
 */
export async function saidBy(
  access: PodAccess & { cluster: ClusterClient },
  script: string,
  words: readonly string[],
  abort: AbortSignal,
): Promise<string | undefined> {
  const name = randomUUID();
  const path = execPath(access, { words: loaderWords(name, words), stdin: true, tty: false });
  const channel = await access.cluster.open(path, false, abort);
  if (!('ended' in channel)) return undefined;
  const stop = (): void => channel.close();
  abort.addEventListener('abort', stop);
  let said = '';
  channel.stdout.on('data', (chunk: Buffer) => {
    if (said.length < MAX_SAID_BYTES) said += chunk.toString('latin1');
  });
  channel.stderr.resume();
  channel.stdin.write(frame(name, script));
  const end = await channel.ended;
  abort.removeEventListener('abort', stop);
  abort.throwIfAborted();
  if (end.kind === 'lost' || end.status.kind === 'failed') return undefined;
  return Buffer.from(said, 'latin1').toString();
}
