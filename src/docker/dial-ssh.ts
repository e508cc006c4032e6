import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Readable, Writable } from 'node:stream';

import { LxcriError } from '../model/errors.ts';
import { findExecutable } from '../process/executable.ts';
import { controlName, sshArguments } from '../remote/ssh/arguments.ts';
import { controlDirectory } from '../remote/ssh/control-directory.ts';
import type { Line } from './dial.ts';
import type { Endpoint } from './endpoint.ts';
import { unreachable } from './unreachable.ts';

/** What ssh exits with when it fails itself (ssh(1)), and a shell there when it has no such program. */
const SSH_FAILED = 255;
const NOT_FOUND = 127;

/** As `docker -H ssh://` does: its connections share one of ssh, which stays open for a minute. */
export function dialBySsh(endpoint: Endpoint & { kind: 'ssh' }, env: NodeJS.ProcessEnv): Line {
  const ssh = findExecutable('ssh', env['PATH']);
  if (ssh === undefined)
    throw new LxcriError('NoMethodAvailable', 'ssh is not installed', 'install the package openssh-client');
  const { destination, port } = endpoint;
  const target = { destination, options: port === undefined ? [] : ['-p', port], sudo: false };
  const directory = controlDirectory(env);
  const shared = directory === undefined ? undefined : `${directory}/${controlName(ssh, target, env['SSH_AUTH_SOCK'])}`;
  // It is the user's: it has his environment, his configuration and his agent.
  const words = sshArguments(target, shared, 'docker system dial-stdio');
  const child = spawn(ssh, words, { cwd: '/', detached: true, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-500)));
  const failure = new Promise<Error | undefined>((resolve) => {
    child.on('error', (error) => resolve(unreachable(endpoint, error)));
    child.on('exit', (code, signal) => {
      // What dial-stdio itself complains of when a connection ends is no matter of the connection's.
      if (code !== null && code !== SSH_FAILED && code !== NOT_FOUND) return resolve(undefined);
      const line = said.trim().split('\n').at(-1) || `ssh ended with ${code ?? signal}`;
      resolve(unreachable(endpoint, new Error(line)));
    });
  });
  const stream = duplexOf(child.stdin, child.stdout, failure);
  stream.on('close', () => child.kill());
  return {
    stream,
    mayBeReset: false,
    hold: (held) => {
      for (const part of [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[])
        if (held) part.ref?.();
        else part.unref?.();
    },
  };
}

/**
 * The two pipes of a program as one stream that can be closed on one side.
 *
 * @param failure why the program has failed, once it has ended: the end of its output says nothing without it.
 */
function duplexOf(input: Writable, output: Readable, failure: Promise<Error | undefined>): Duplex {
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => void output.resume(),
    write: (chunk: Buffer, _encoding, done) => void input.write(chunk, () => done()),
    final: (done) => void input.end(() => done()),
    destroy: (error, done) => {
      input.destroy();
      output.destroy();
      done(error);
    },
  });
  input.on('error', () => {});
  output.on('error', () => {});
  output.pause();
  output.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) output.pause();
  });
  const ended = new Promise<void>((resolve) => output.on('close', () => resolve()));
  void Promise.all([failure, ended]).then(([error]) => {
    if (error === undefined) stream.push(null);
    else stream.destroy(error);
  });
  return stream;
}
