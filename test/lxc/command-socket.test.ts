import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

import { expect } from 'chai';

import { askMonitor } from '../../src/lxc/command-socket.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('the monitor of a container', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('says that it runs, and with which init', async () => {
    expect(await askMonitor(container.lxcpath, container.name)).to.deep.equal({
      state: 'RUNNING',
      initPid: await container.initPid(),
    });
  });

  it('says so each time, although it refuses who asks before it looks who that is', async () => {
    const { lxcpath, name } = container;
    for (let round = 0; round < 20; round++) {
      // oxlint-disable-next-line no-await-in-loop -- a few at once
      const answers = await Promise.all(Array.from({ length: 50 }, () => askMonitor(lxcpath, name)));
      expect(answers.filter((each) => each?.state !== 'RUNNING')).to.deep.equal([]);
    }
  });

  it('is not there for a stopped one, nor for one that does not exist', async () => {
    await container.stop();
    expect(await askMonitor(container.lxcpath, container.name)).to.equal(undefined);
    await container.start();
    expect(await askMonitor(container.lxcpath, 'nosuch')).to.equal(undefined);
  });

  it('cannot be asked under a name that LXC hashes', async () => {
    const lxcpath = `${scratchDirectory()}/${'x'.repeat(60)}`;
    mkdirSync(lxcpath);
    const other = await startContainer({ kind: 'busybox', lxcpath });
    try {
      expect(await askMonitor(lxcpath, other.name)).to.equal(undefined);
    } finally {
      await other.destroy();
    }
  });
});

/** An answer as the monitor's: result, length of the data, a pointer that holds the value. */
function answer(value: number, result = 0, length = 0): Buffer {
  const message = Buffer.alloc(16);
  message.writeInt32LE(result, 0);
  message.writeInt32LE(length, 4);
  message.writeInt32LE(value, 8);
  return message;
}

describe('an answer from somebody else', () => {
  const lxcpath = `/plx-test-${process.pid}`;
  let server: Server;
  let respond: (socket: Socket, command: number) => void;
  const sockets = new Set<Socket>();

  before((done) => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      socket.on('data', (request) => respond(socket, request.readInt32LE(0)));
    });
    server.listen(`\0${lxcpath}/ct/command`, done);
  });

  after((done) => {
    for (const socket of sockets) socket.destroy();
    server.close(done);
  });

  async function asked(given: typeof respond): Promise<unknown> {
    respond = given;
    return askMonitor(lxcpath, 'ct');
  }

  const STATE = 3;

  it('is understood, also in pieces', async () => {
    expect(await asked((socket, command) => socket.write(answer(command === STATE ? 2 : 4711)))).to.deep.equal({
      state: 'RUNNING',
      initPid: 4711,
    });
    const inPieces = await asked((socket, command) => {
      const whole = answer(command === STATE ? 7 : 4711);
      socket.write(whole.subarray(0, 5), () => setImmediate(() => socket.write(whole.subarray(5))));
    });
    expect(inPieces).to.deep.equal({ state: 'THAWED', initPid: 4711 });
  });

  it('is asked for again when it was a refusal', async () => {
    let visitors = 0;
    const given = await asked((socket, command) => {
      visitors += 1;
      socket.write(visitors <= 4 ? answer(0, -1) : answer(command === STATE ? 2 : 4711));
    });
    expect(given).to.deep.equal({ state: 'RUNNING', initPid: 4711 });
  });

  it('is not believed where it is not of the expected form', async () => {
    const both = (message: Buffer) => asked((socket) => socket.write(message));
    expect(await both(answer(2, -1)), 'an error').to.equal(undefined);
    expect(await both(answer(2, 0, 8)), 'data that follow').to.equal(undefined);
    expect(await both(Buffer.concat([answer(2), Buffer.of(0)])), 'too long').to.equal(undefined);
    expect(await both(answer(99)), 'no state').to.equal(undefined);
    expect(await both(answer(-3)), 'a negative state').to.equal(undefined);
    expect(await asked((socket, command) => socket.write(answer(command === STATE ? 2 : 1))), 'init 1').to.equal(
      undefined,
    );
    expect(await asked((socket, command) => socket.write(answer(command === STATE ? 2 : -5))), 'no pid').to.equal(
      undefined,
    );
  });

  it('that breaks off, or never comes, is none', async () => {
    expect(await asked((socket) => socket.end(answer(2).subarray(0, 8)))).to.equal(undefined);
    expect(await asked((socket) => socket.destroy())).to.equal(undefined);
    const begin = performance.now();
    expect(await asked(() => {})).to.equal(undefined);
    expect(performance.now() - begin).to.be.within(900, 20_000);
  });
});
