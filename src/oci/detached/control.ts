import { chmodSync, closeSync, constants, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

import { eachLine } from './lines.ts';
import { FILES } from './store.ts';

/** The signals that a detached command can be sent. */
export const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;
export type DetachedSignal = (typeof SIGNALS)[number];

const MAX_LINE = 64;

/**
 * Listens in an execution's folder. Each line that comes is the name of a signal and is answered by a line; a connection
 * is closed when the supervisor ends, in whatever way: so its end can be waited for.
 */
export async function listenIn(folder: string, onSignal: (signal: DetachedSignal) => void): Promise<Server> {
  const server = createServer((socket) => {
    void eachLine(socket, MAX_LINE, (line) => {
      const signal = SIGNALS.find((name) => name === line);
      if (signal !== undefined) onSignal(signal);
      socket.write(signal === undefined ? 'unknown\n' : 'done\n');
    });
  });
  await withShortPath(
    folder,
    (path) =>
      new Promise<void>((resolve, reject) => {
        server.on('error', reject);
        server.listen(path, () => {
          chmodSync(path, 0o600);
          resolve();
        });
      }),
  );
  return server;
}

/**
 * Connects to the supervisor of an execution.
 *
 * @returns `undefined` when it does not listen (any more).
 */
export function connectTo(folder: string): Promise<Socket | undefined> {
  return withShortPath(
    folder,
    (path) =>
      new Promise<Socket | undefined>((resolve, reject) => {
        const socket = connect(path);
        socket.on('connect', () => resolve(socket));
        socket.on('error', (error: NodeJS.ErrnoException) =>
          error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? resolve(undefined) : reject(error),
        );
      }),
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** The path of a socket can have 107 bytes, the one of a folder 4095: so it is named by way of a descriptor. */
async function withShortPath<T>(folder: string, use: (path: string) => Promise<T>): Promise<T> {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${fd}/${FILES.control}`);
  } finally {
    closeSync(fd);
  }
}
