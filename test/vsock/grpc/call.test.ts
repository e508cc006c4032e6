import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { GrpcConnection } from '../../../src/vsock/grpc/connection.ts';
import { NeverWaiting } from '../../../src/vsock/never-waiting.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitFor } from '../../support/wait-for.ts';

const PIECE_BYTES = 256 * 1024;
const PIECES = 32;
const WINDOW_BYTES = 16 * 1024 * 1024;

describe('a call of gRPC', () => {
  const servers: { close(): unknown }[] = [];
  const sockets = new Set<Socket>();
  let connection: GrpcConnection | undefined;

  afterEach(() => {
    connection?.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    for (const server of servers.splice(0)) server.close();
  });

  function listening(server: Server | ReturnType<typeof createHttp2Server>, path: string): Promise<unknown> {
    servers.push(server);
    server.on('connection', (socket: Socket) => void sockets.add(socket));
    server.listen(path);
    return once(server, 'listening');
  }

  /** A server with windows that take all of it, behind somebody who may read nothing for a while. */
  async function serve() {
    const path = join(scratchDirectory(), 'agent.sock');
    const way = `${path}.way`;
    const got = { bytes: 0, hash: createHash('sha256') };
    const server = createHttp2Server({ settings: { initialWindowSize: WINDOW_BYTES } });
    server.on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES));
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        got.bytes += chunk.length;
        got.hash.update(chunk);
      });
    });
    await listening(server, path);
    const held = { hold: (): void => {}, release: (): void => {} };
    const relay = createServer((socket) => {
      const onward = connect(path);
      sockets.add(onward);
      for (const each of [socket, onward]) each.on('error', () => {});
      onward.pipe(socket);
      socket.pipe(onward);
      held.hold = () => void socket.unpipe(onward).pause();
      held.release = () => void socket.pipe(onward);
    });
    await listening(relay, way);
    const socket = connect(way);
    sockets.add(socket);
    await once(socket, 'connect');
    return { socket, got, held };
  }

  for (const [wire, wireOf] of [
    ['a socket', (socket: Socket) => socket],
    ['a wire on which no write waits', (socket: Socket) => new NeverWaiting(socket)],
  ] as const)
    it(`over ${wire} has no use for the bytes of a message when it calls back`, async () => {
      const { socket, got, held } = await serve();
      connection = await GrpcConnection.open(wireOf(socket), 60_000, new AbortController().signal);
      const call = connection.call('/guest.GuestService/Exec', () => {});
      const sent = createHash('sha256');
      const head = Buffer.from('head');
      const frame = Buffer.concat([Buffer.alloc(5), head]);
      frame.writeUInt32BE(head.length + PIECE_BYTES, 1);
      const piece = Buffer.alloc(PIECE_BYTES);
      let written = 0;
      held.hold();
      const writing = (async () => {
        for (let count = 0; count < PIECES; count++) {
          piece.fill(count);
          sent.update(frame).update(piece);
          // oxlint-disable-next-line no-await-in-loop -- the buffer is used again
          await new Promise<void>((resolve) => call.sendWith(head, piece, resolve));
          written += 1;
        }
        piece.fill('x');
      })();
      if (wire === 'a socket') {
        // What is called back at once would be so by now.
        // oxlint-disable-next-line no-await-in-loop -- one turn after the other
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
        expect(written).to.be.below(PIECES);
      } else await writing;
      held.release();
      await writing;
      const all = PIECES * (frame.length + PIECE_BYTES);
      await waitFor(() => got.bytes >= all, { what: 'all to arrive' });
      expect(got.bytes).to.equal(all);
      expect(got.hash.digest('hex')).to.equal(sent.digest('hex'));
    });

  it('calls back also when nobody is there any more', async () => {
    const { socket } = await serve();
    connection = await GrpcConnection.open(socket, 60_000, new AbortController().signal);
    const call = connection.call('/guest.GuestService/Exec', () => {});
    connection.close();
    await call.ended;
    await new Promise<void>((resolve) => call.sendWith(Buffer.from('head'), Buffer.from('rest'), resolve));
  });
});
