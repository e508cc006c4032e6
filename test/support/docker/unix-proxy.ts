/** A Unix socket in front of an engine's, that can lose what goes through it. */
import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { scratchDirectory } from '../scratch.ts';

export interface UnixProxy {
  readonly path: string;
  /**
   * Cuts the connection that carries a command once so many bytes of its output have passed; every other one is passed on.
   * It holds for the next command only.
   */
  cutAfter(bytes: number): void;
  /** The same right behind this output, a few bytes: between two frames, if the command writes it at once. */
  cutBehind(output: string): void;
  stop(): Promise<void>;
}

export async function startUnixProxy(target: string): Promise<UnixProxy> {
  const path = join(scratchDirectory(), 's');
  const sockets = new Set<Socket>();
  let limit: number | undefined;
  let last: string | undefined;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: target, allowHalfOpen: true });
    let isStarted = false;
    let passed = 0;
    let tail = '';
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    near.on('data', (chunk: Buffer) => {
      if (/^POST \/exec\/[^ ]+\/start /.test(chunk.toString('latin1', 0, 200))) isStarted = true;
      far.write(chunk);
    });
    near.on('end', () => far.end());
    near.on('close', () => far.destroy());
    far.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-100);
      if (isStarted && last !== undefined && tail.endsWith(last)) limit = passed + chunk.length;
      const left = isStarted && limit !== undefined ? limit - passed : Number.POSITIVE_INFINITY;
      passed += chunk.length;
      if (chunk.length < left || (chunk.length === left && last === undefined)) {
        if (near.write(chunk)) return;
        far.pause();
        near.once('drain', () => far.resume());
        return;
      }
      limit = undefined;
      last = undefined;
      near.end(chunk.subarray(0, left));
      far.destroy();
    });
    far.on('end', () => near.end());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    cutAfter: (bytes) => void (limit = bytes),
    cutBehind: (output) => void (last = output),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
