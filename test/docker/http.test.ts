import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { BrokenAnswerError, HttpConnection } from '../../src/docker/http.ts';
import type { HttpAnswer } from '../../src/docker/http.ts';
import { keepReading } from '../../src/docker/keep-reading.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** Answers the request with these pieces, one a turn of the event loop. */
async function exchange(pieces: readonly string[], end = false, method: 'GET' | 'HEAD' = 'GET'): Promise<HttpAnswer> {
  return withServer(
    (socket) => {
      const send = async (): Promise<void> => {
        for (const piece of pieces) {
          socket.write(piece);
          // oxlint-disable-next-line no-await-in-loop -- apart is what they are to be
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (end) socket.end();
      };
      socket.once('data', () => void send());
    },
    async (path) => {
      const connection = new HttpConnection(connect(path));
      try {
        return await connection.exchange({ method, path: '/' });
      } finally {
        connection.close();
      }
    },
  );
}

async function withServer<Value>(
  serve: (socket: Socket) => void,
  use: (path: string) => Promise<Value>,
): Promise<Value> {
  const path = join(scratchDirectory(), 's');
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    return await use(path);
  } finally {
    server.close();
  }
}

describe('an answer of an engine', () => {
  it('is read whole, in whatever pieces it comes', async () => {
    const whole = 'HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\n\r\nhello';
    for (const pieces of [[whole], whole.split('')]) {
      // oxlint-disable-next-line no-await-in-loop -- one server at a time
      const { status, headers, body } = await exchange(pieces);
      expect([status, headers.get('api-version'), body.toString()]).to.deep.equal([200, '1.41', 'hello']);
    }
  });

  it('may come in chunks, or end with the connection', async () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n';
    expect((await exchange(chunked.split(''))).body.toString()).to.equal('abcde');
    expect((await exchange(['HTTP/1.1 200 OK\r\n\r\n', 'abc'], true)).body.toString()).to.equal('abc');
    expect((await exchange(['HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n'], false, 'HEAD')).status).to.equal(404);
    expect((await exchange(['HTTP/1.1 100 Go on\r\n\r\n', 'HTTP/1.1 204 No\r\n\r\n'])).status).to.equal(204);
  });

  it('is no answer when it is cut off, or something else', async () => {
    const cut = [
      ['HTTP/1.1 200 OK\r\nContent-Le'],
      ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
      ['SSH-2.0-OpenSSH\r\n\r\n'],
      ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ];
    for (const pieces of cut) {
      // oxlint-disable-next-line no-await-in-loop -- one server at a time
      const failure = await exchange(pieces, true).catch((error: unknown) => error);
      expect(failure, pieces[0]).to.be.instanceOf(BrokenAnswerError);
    }
  });

  it('can be a connection, with what came behind the answer', async () => {
    const said = await withServer(
      (socket) => {
        socket.once('data', () => socket.end('HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nfirst'));
      },
      async (path) => {
        const connection = new HttpConnection(connect(path));
        const { status } = await connection.exchange({ method: 'POST', path: '/', body: {}, upgrade: true });
        expect(status).to.equal(101);
        return text(connection.release());
      },
    );
    expect(said).to.equal('first');
  });
});

describe('a connection that is to be read to its end', () => {
  it('loses nothing when it cannot be written to any more', async () => {
    const size = 150_000;
    const received = await withServer(
      (socket) => {
        // All of it is on its way when the connection ends, with input unread.
        socket.write(Buffer.alloc(size), () => socket.destroy());
      },
      async (path) => {
        const socket = keepReading(connect({ path, allowHalfOpen: true }));
        await new Promise((resolve) => socket.once('connect', resolve));
        await new Promise((resolve) => setTimeout(resolve, 100));
        for (let round = 0; round < 3; round++) {
          // oxlint-disable-next-line no-await-in-loop -- the first ones fail
          await new Promise((resolve) => socket.write('input', resolve));
        }
        let bytes = 0;
        socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
        socket.on('error', () => {});
        await new Promise((resolve) => socket.on('close', resolve).on('end', () => resolve(undefined)));
        return bytes;
      },
    );
    expect(received).to.equal(size);
  });
});
