import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { EngineClient } from '../../src/docker/engine.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** What a client says that waits 300 ms for an answer of somebody who serves so. */
async function errorOf(
  serve: (socket: Socket) => void,
  use: (engine: EngineClient) => Promise<unknown>,
): Promise<string> {
  const path = join(scratchDirectory(), 's');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.resume();
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engine = new EngineClient({ kind: 'unix', path }, {}, 300);
  try {
    await use(engine);
    return 'no error';
  } catch (error) {
    return isLxcriError(error) ? `${error.code}: ${error.message.replace(path, 'S')}` : String(error);
  } finally {
    engine.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Writes this again and again, until nobody reads it. */
const drip =
  (head: string, piece: string) =>
  (socket: Socket): void => {
    socket.write(head);
    const timer = setInterval(() => socket.write(piece), 5);
    socket.on('close', () => clearInterval(timer));
  };

describe('an engine behind an ssh that fails', () => {
  it('cannot be reached, and no connection to it was lost', async () => {
    const directory = scratchDirectory();
    const ssh = `#!/bin/sh\necho 'ssh: connect to host h port 22: Connection refused' >&2\nexit 255\n`;
    writeFileSync(join(directory, 'ssh'), ssh, { mode: 0o755 });
    const env = { PATH: `${directory}:${process.env['PATH']}`, HOME: directory, XDG_RUNTIME_DIR: directory };
    const engine = new EngineClient({ kind: 'ssh', destination: 'h', port: undefined }, env);
    const words = 'the Docker engine at ssh://h cannot be reached: ssh: connect to host h port 22: Connection refused';
    for (const [method, code] of [
      ['GET', 'PlatformUnreachable'],
      ['POST', 'ConnectionLost'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error: unknown = await engine.request(method, '/').catch((reason: unknown) => reason);
      expect(error).to.include({ code, message: words });
    }
  });
});

describe('an engine that does not answer', () => {
  const SILENCES: readonly [what: string, serve: (socket: Socket) => void, hasHead?: boolean][] = [
    ['says nothing', () => {}],
    ['never ends its answer', drip('HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n', '['), true],
    ['ends it with the connection, and never', drip('HTTP/1.1 200 OK\r\n\r\n', '['), true],
    ['never ends its chunks', drip('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\n[\r\n'), true],
    ['has only provisional answers', drip('', 'HTTP/1.1 100 Continue\r\n\r\n')],
  ];

  for (const [what, serve, hasHead = false] of SILENCES) {
    it(`is given up when it ${what}`, async () => {
      const lost = 'the Docker engine at unix://S has not answered within 0.3 s';
      expect(await errorOf(serve, (engine) => engine.request('GET', '/'))).to.equal(`PlatformUnreachable: ${lost}`);
      // Of a start that was answered otherwise than by a stream, its status is enough.
      const upgraded = await errorOf(serve, (engine) => engine.upgrade('/', {}));
      expect(upgraded).to.equal(hasHead ? 'no error' : `ConnectionLost: ${lost}`);
    });
  }

  it('is waited for where the answer may take long, until the caller has enough', async () => {
    const enough = new AbortController();
    const serve = (): void => void setTimeout(() => enough.abort(new Error('enough')), 900);
    const ask = (engine: EngineClient): Promise<unknown> => engine.request('POST', '/', {}, enough.signal, true);
    expect(await errorOf(serve, ask)).to.equal('Error: enough');
  });
});
