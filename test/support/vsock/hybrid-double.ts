/**
 * What a VMM puts before the ports of its guest: a Unix socket with the handshake of hybrid vsock. Where a test wants it,
 * it splits its answer, glues the guest's first words to it, says nothing, or refuses.
 */
import { renameSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { scratchDirectory } from '../scratch.ts';

export interface HybridOptions {
  /** Default: one of its own. */
  readonly path?: string;
  /** The ports that somebody listens on in the guest; gets a connection that was passed on. */
  readonly ports?: Readonly<Record<number, (socket: Socket) => void>>;
  /** What is answered to `CONNECT PORT`, instead of `OK PORT`, in these pieces; none: nothing at all. */
  readonly answer?: readonly string[];
}

export interface HybridDouble {
  readonly path: string;
  /** What connections have asked for. */
  readonly asked: readonly string[];
  /** How many connections are open. */
  readonly open: number;
  /** The VMM is killed: its connections are closed, and its socket's file stays. */
  die(): Promise<void>;
}

export async function startHybrid({
  path = join(scratchDirectory(), 'vm.sock'),
  ports = {},
  answer,
}: HybridOptions): Promise<HybridDouble> {
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    let line = '';
    const onData = (chunk: Buffer): void => {
      line += chunk.toString('latin1');
      if (!line.includes('\n')) return;
      socket.off('data', onData);
      asked.push(line.trimEnd());
      void pass(socket, line);
    };
    socket.on('data', onData);
  });
  const pass = async (socket: Socket, line: string): Promise<void> => {
    const port = Number(/^CONNECT (\d+)\n$/.exec(line)?.[1]);
    const listener = ports[port];
    if (answer !== undefined) {
      for (const piece of answer) {
        socket.write(piece);
        // oxlint-disable-next-line no-await-in-loop -- apart is what they are to be
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } else if (listener === undefined) {
      socket.destroy();
      return;
    } else socket.write(`OK ${1_073_741_824 + asked.length}\n`);
    listener?.(socket);
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    path,
    asked,
    get open() {
      return sockets.size;
    },
    die: () =>
      new Promise((resolve) => {
        // Node removes the file of a socket that it closes; a VMM that is killed leaves it.
        renameSync(path, `${path}.kept`);
        server.close(() => {
          renameSync(`${path}.kept`, path);
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
