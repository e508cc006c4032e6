import { spawn } from 'node:child_process';
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Readable, Writable } from 'node:stream';

import { LxcriError } from '../model/errors.ts';
import { findExecutable } from '../process/executable.ts';
import { controlDirectory } from '../remote/ssh/control-directory.ts';
import { controlName, sshArguments } from '../remote/ssh/arguments.ts';
import { endpointName } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { keepReading } from './keep-reading.ts';

/** How long another host may take to accept a connection. */
const CONNECT_TIMEOUT_MS = 15_000;

/** A connection to an engine. */
export interface Line {
  readonly stream: Duplex;
  /**
   * Whether an end of it that was reset can be the usual one: an engine on this host has closed it with our input unread,
   * and nothing of its output was lost.
   */
  readonly mayBeReset: boolean;
  /** Whether this process is to stay alive for its sake. */
  hold(held: boolean): void;
}

/**
 * Connects to an engine.
 *
 * @param env for ssh.
 * @throws LxcriError PlatformUnreachable or PermissionDenied; the reason of `abort`.
 */
export async function dial(endpoint: Endpoint, env: NodeJS.ProcessEnv, abort?: AbortSignal): Promise<Line> {
  abort?.throwIfAborted();
  if (endpoint.kind === 'ssh') return dialBySsh(endpoint, env);
  const socket = await (endpoint.kind === 'unix'
    ? opened(connectPlain({ path: endpoint.path, allowHalfOpen: true }), 'connect', endpoint, abort)
    : dialByTcp(endpoint, abort));
  return {
    stream: keepReading(socket),
    mayBeReset: endpoint.kind === 'unix',
    hold: (held) => void (held ? socket.ref() : socket.unref()),
  };
}

async function dialByTcp(endpoint: Endpoint & { kind: 'tcp' }, abort: AbortSignal | undefined): Promise<Socket> {
  const { host, port, tls } = endpoint;
  if (tls === undefined) {
    const socket = connectPlain({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
    return opened(socket, 'connect', endpoint, abort);
  }
  const { connect } = await import('node:tls');
  const { isIP } = await import('node:net');
  const socket = connect({
    host,
    port,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
  return (await opened(socket, 'secureConnect', endpoint, abort)).setNoDelay(true).setKeepAlive(true, 10_000);
}

/** Waits until a socket is connected. */
function opened(socket: Socket, event: string, endpoint: Endpoint, abort: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(timer);
      abort?.removeEventListener('abort', stop);
      socket.destroy();
      reject(error);
    };
    const onError = (error: NodeJS.ErrnoException): void => fail(unreachable(endpoint, error));
    const stop = (): void => fail(abort?.reason as Error);
    const timer = setTimeout(
      () => fail(unreachable(endpoint, new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`))),
      CONNECT_TIMEOUT_MS,
    );
    socket.once('error', onError);
    abort?.addEventListener('abort', stop);
    socket.once(event, () => {
      clearTimeout(timer);
      abort?.removeEventListener('abort', stop);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

function unreachable(endpoint: Endpoint, { code, message }: NodeJS.ErrnoException): LxcriError {
  const name = endpointName(endpoint);
  if (code === 'EACCES' || code === 'EPERM') {
    return new LxcriError(
      'PermissionDenied',
      `the Docker engine at ${name} may not be used by this user`,
      'run this as root, or as a member of the group that owns the socket',
    );
  }
  return new LxcriError(
    'PlatformUnreachable',
    `the Docker engine at ${name} cannot be reached: ${message}`,
    endpoint.kind === 'unix'
      ? 'start it (systemctl start docker), or say where it is with DOCKER_HOST'
      : 'check DOCKER_HOST or the context of Docker, and the certificates',
  );
}

/** What ssh exits with when it fails itself (ssh(1)), and a shell there when it has no such program. */
const SSH_FAILED = 255;
const NOT_FOUND = 127;

/** As `docker -H ssh://` does: its connections share one of ssh, which stays open for a minute. */
function dialBySsh(endpoint: Endpoint & { kind: 'ssh' }, env: NodeJS.ProcessEnv): Line {
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
      const [line = `ssh ended with ${code ?? signal}`] = said.trim().split('\n').filter(Boolean).reverse();
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
