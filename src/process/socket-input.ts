import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';

import { findExecutable, helperEnvironment } from './executable.ts';

/**
 * Reads a descriptor that may keep its reader waiting, such as a socket that keeps messages apart, with a process of its
 * own: a thread of ours that waits in read(2) would keep us from ending. It ends with us.
 */
export function socketInput(fd: number): Readable {
  const stream = new PassThrough();
  const [setpriv, cat] = ['setpriv', 'cat'].map((name) => findExecutable(name));
  if (setpriv === undefined || cat === undefined)
    return stream.destroy(new Error('to read it takes setpriv (of util-linux) and cat (of coreutils)'));
  // Out of the way of the keys that end what is in the foreground.
  const options = { cwd: '/', env: helperEnvironment(), detached: true };
  const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', cat], { ...options, stdio: [fd, 'pipe', 'pipe'] });
  const hold = (held: boolean): void => {
    for (const each of [child, child.stdout as Socket | null, child.stderr as Socket | null])
      if (held) each?.ref();
      else each?.unref();
  };
  // As `process.stdin`, it keeps us running while somebody reads it; a pause that a full target makes is none.
  hold(false);
  stream.on('resume', () => hold(true));
  stream.on('pause', () =>
    process.nextTick(() => {
      if (stream.listenerCount('data') === 0) hold(false);
    }),
  );
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(0, 1000)));
  child.stdout?.pipe(stream, { end: false });
  child.on('error', (error) => stream.destroy(error));
  child.on('close', (exitCode) => {
    if (exitCode === 0) stream.end();
    else stream.destroy(new Error(said.trim() || 'its reader was ended'));
  });
  stream.on('close', () => child.kill('SIGKILL'));
  return stream;
}
