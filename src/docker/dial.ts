import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Endpoint } from './endpoint.ts';
import { keepReading } from './keep-reading.ts';
import { unreachable } from './unreachable.ts';

/** How long another host may take to accept a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

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
  if (endpoint.kind === 'ssh') {
    const { dialBySsh } = await import('./dial-ssh.ts');
    return dialBySsh(endpoint, env);
  }
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
