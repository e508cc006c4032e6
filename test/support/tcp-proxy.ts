/** A TCP proxy that can lose its connections: a cut cable, and a line on which nothing arrives any more. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** How many connections are open. */
  readonly open: number;
  /** Ends all connections at once, without a farewell. */
  cut(): void;
  /** Does so once so many more bytes have come from the target, of which the last ones may be lost. */
  cutAfter(bytes: number): void;
  /** From now on nothing is passed on, and nobody is told. */
  stall(): void;
  /** Passes on again what is new. */
  resume(): void;
  stop(): Promise<void>;
}

/** Starts one on an address, in front of a port of the same address. */
export function startTcpProxy(address: string, target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let stalled = false;
  let left = Number.POSITIVE_INFINITY;
  const server = createServer((near) => {
    const far = connect(target, address);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => {
        if (stalled) return;
        if (from === far) left -= chunk.length;
        if (left <= 0) {
          left = Number.POSITIVE_INFINITY;
          cut();
          return;
        }
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('error', () => {});
      from.on('close', () => {
        // On a line that has gone silent, the other side does not hear of it.
        if (!stalled) to.destroy();
        if (pair.every((socket) => socket.destroyed)) pairs.delete(pair);
      });
    }
  });
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        get open() {
          return pairs.size;
        },
        cut,
        cutAfter: (bytes) => void (left = bytes),
        stall: () => void (stalled = true),
        resume: () => void (stalled = false),
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            cut();
          }),
      });
    });
  });
}
