/** Stands between a client and a server, and can stop passing anything on without either being told. */
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { scratchDirectory } from '../scratch.ts';

export interface Relay {
  /** Takes the client's end of a connection. */
  serve(socket: Socket): void;
  stall(): void;
  stop(): void;
}

/** @param serve takes the server's end. */
export async function startRelay(serve: (socket: Socket) => void): Promise<Relay> {
  const path = join(scratchDirectory(), 's');
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const pairs: (readonly [Socket, Socket])[] = [];
  return {
    serve: (near) => {
      const far = connect(path);
      pairs.push([near, far]);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => {});
        from.once('close', () => to.destroy());
      }
      near.pipe(far).pipe(near);
    },
    stall: () => {
      for (const [near, far] of pairs) {
        near.unpipe();
        far.unpipe();
      }
    },
    stop: () => void server.close(),
  };
}
