/** Engines, and proxies before them, that say what they must not. */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { EngineClient } from '../../../src/docker/engine.ts';
import { startInDocker } from '../../../src/methods/docker/start.ts';
import type { SessionExit } from '../../../src/model/session.ts';
import { requestOf } from '../../oci/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';

interface Script {
  /** What the start of the execution is answered with, as it goes over the wire; then the connection is closed. */
  readonly start: Buffer;
  /** What it says of the execution from then on. */
  readonly state: object;
}

const UPGRADED = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';

function frame(stream: number, length: number, content: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(length, 4);
  return Buffer.concat([header, Buffer.from(content)]);
}

function json(status: number, body: object): string {
  const content = JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${content.length}\r\n\r\n${content}`;
}

describe('an engine that says what it must not', () => {
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    server = undefined;
  });

  const engineOf = async ({ start, state }: Script): Promise<EngineClient> => {
    const path = join(scratchDirectory(), 's');
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        const line = chunk.toString('latin1').split('\r\n', 1)[0] ?? '';
        if (line.startsWith('POST /containers/')) socket.write(json(201, { Id: 'e1' }));
        else if (line.startsWith('POST /exec/e1/start')) socket.end(start);
        else socket.write(json(200, state));
      });
    });
    await new Promise<void>((resolve) => server?.listen(path, resolve));
    return new EngineClient({ kind: 'unix', path }, {});
  };

  const run = async (script: Script): Promise<{ exit: SessionExit; stdout: string }> => {
    const engine = await engineOf(script);
    const docker = { engine, user: '', directory: '/', env: [], initPid: undefined };
    const session = await startInDocker(
      { id: 'c', name: 'c', platform: 'docker', docker },
      requestOf({ command: ['x'] }),
      new AbortController().signal,
    );
    const reading = session.stdout === null ? '' : text(session.stdout);
    session.stderr?.resume();
    const exit = await session.exit;
    const stdout = await reading;
    await session.release();
    return { exit, stdout };
  };

  const ended = { Running: false, ExitCode: 0, Pid: 77 };
  const upgraded = (...frames: Buffer[]): Buffer => Buffer.concat([Buffer.from(UPGRADED), ...frames]);
  const whole = upgraded(frame(1, 3, 'abc'));
  const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n';

  it('is believed where it says what it should', async () => {
    expect(await run({ start: whole, state: { ...ended, ExitCode: 3 } })).to.deep.equal({
      exit: { kind: 'exited', exitCode: 3, signal: null },
      stdout: 'abc',
    });
  });

  const rows: readonly (readonly [string, Script, string])[] = [
    [
      'a stream that ends within a frame',
      { start: upgraded(frame(1, 9, 'abc')), state: { ...ended, ExitCode: 126 } },
      'in the middle of output',
    ],
    [
      'an error in the stream',
      { start: upgraded(frame(1, 1, 'a'), frame(3, 7, 'no luck')), state: ended },
      'the engine says: no luck',
    ],
    ['a stream of an unknown kind', { start: upgraded(frame(9, 3, 'abc')), state: ended }, 'is no output'],
    ['no upgrade', { start: Buffer.concat([Buffer.from(OK), frame(1, 3, 'abc')]), state: ended }, 'status 200'],
    ['an exit code that is a fraction', { start: whole, state: { ...ended, ExitCode: 0.5 } }, 'that is none: 0.5'],
    ['an exit code below 0', { start: whole, state: { ...ended, ExitCode: -1 } }, 'that is none: -1'],
    ['an exit code above 255', { start: whole, state: { ...ended, ExitCode: 99_999 } }, 'that is none: 99999'],
    ['an exit code that is a word', { start: whole, state: { ...ended, ExitCode: '0' } }, 'that is none: "0"'],
    ['an answer that is a list', { start: whole, state: [1] }, 'does not say how the command is'],
    ['no exit code', { start: whole, state: { Running: false, Pid: 77 } }, 'does not say whether it has started'],
  ];
  for (const [what, script, reason] of rows) {
    it(`makes the result a lost one: ${what}`, async () => {
      const { exit } = await run(script);
      expect(exit.kind, JSON.stringify(exit)).to.equal('lost');
      expect((exit as { reason: string }).reason).to.include(reason);
    });
  }
});
