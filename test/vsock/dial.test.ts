import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import { expect } from 'chai';

import type { VsockAddress } from '../../src/model/vsock.ts';
import { dial } from '../../src/vsock/dial.ts';
import { UnreachableAgent } from '../../src/vsock/failures.ts';
import { startHybrid } from '../support/vsock/hybrid-double.ts';
import type { HybridDouble, HybridOptions } from '../support/vsock/hybrid-double.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

const NEVER = new AbortController().signal;

function at(path: string, port = 2222): VsockAddress {
  return { kind: 'hybrid', path, port };
}

/** What comes on a connection, until there is so much. */
async function heard(socket: Duplex, bytes: number): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).resume();
  await waitFor(() => text.length >= bytes, { what: `${bytes} bytes to come` });
  return text;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('a connection by the socket of a VMM', () => {
  const doubles: HybridDouble[] = [];

  async function hybrid(options: HybridOptions): Promise<HybridDouble> {
    const double = await startHybrid(options);
    doubles.push(double);
    return double;
  }

  afterEach(async () => {
    for (const double of doubles.splice(0)) await double.die();
  });

  it('is asked for by its port, and then carries bytes both ways', async () => {
    const double = await hybrid({ ports: { 5000: (socket) => socket.pipe(socket) } });
    const { socket } = await dial(at(double.path, 5000), NEVER);
    socket.write('hello');
    expect(await heard(socket, 5)).to.equal('hello');
    expect(double.asked).to.deep.equal(['CONNECT 5000']);
    socket.destroy();
  });

  for (const [how, answer] of [
    ['in one piece', ['OK 1073741824\n']],
    ['byte by byte', 'OK 1073741824\n'.split('')],
    ['without a port', ['OK\n']],
    ['with what the guest said glued to it', ['OK 1073741824\nfirst words']],
    ['with half of that glued to it', ['OK 10737', '41824\nfirst', ' words']],
  ] as const)
    it(`is there when the answer comes ${how}, and loses nothing that came with it`, async () => {
      const glued = answer.join('').includes('first words');
      const double = await hybrid({
        answer,
        ports: { 2222: (socket) => void (glued || socket.write('first words')) },
      });
      const { socket } = await dial(at(double.path), NEVER);
      expect(await heard(socket, 11)).to.equal('first words');
      socket.destroy();
    });

  it('is not there when nobody listens on the port', async () => {
    const double = await hybrid({});
    const error = await failureOf(dial(at(double.path), NEVER));
    expect(error).to.be.instanceOf(UnreachableAgent);
    expect(error).to.deep.include({ code: 'PlatformUnreachable', passing: true });
    expect(String(error)).to.contain('no agent listens on port 2222');
  });

  it('is given up when the VMM says nothing, as of a guest that is paused: somebody may listen there', async () => {
    const double = await hybrid({ answer: [] });
    const error = await failureOf(dial(at(double.path), NEVER, { connectMs: 20_000, handshakeMs: 200 }));
    expect(error).to.be.instanceOf(UnreachableAgent);
    expect(error).to.deep.include({ code: 'PlatformUnreachable', passing: true });
    expect(String(error)).to.contain('does not answer: nothing was heard of it in 200 ms');
    expect(String(error)).not.to.contain('no agent listens');
    await waitFor(() => double.open === 0, { what: 'our end to be closed' });
  });

  for (const answer of ['SSH-2.0-OpenSSH_9.2\n', 'NO\n', 'OKAY\n', 'x'.repeat(100), 'OK 1 2\n'])
    it(`is none when ${JSON.stringify(answer.slice(0, 12))} is what answers`, async () => {
      const double = await hybrid({ answer: [answer] });
      const error = await failureOf(dial(at(double.path), NEVER));
      expect(error).to.be.instanceOf(UnreachableAgent);
      expect(String(error)).to.contain('is this the vsock socket of a VMM?');
      await waitFor(() => double.open === 0, { what: 'our end to be closed' });
    });

  it('can be canceled', async () => {
    const double = await hybrid({ answer: [] });
    const abort = new AbortController();
    const dialled = failureOf(dial(at(double.path), abort.signal));
    await waitFor(() => double.asked.length === 1, { what: 'the handshake to begin' });
    abort.abort(new Error('enough'));
    expect(await dialled).to.have.property('message', 'enough');
    await waitFor(() => double.open === 0, { what: 'our end to be closed' });
  });

  it('tells a VM that is not there from one that does not run', async () => {
    const directory = scratchDirectory();
    const missing = await failureOf(dial(at(join(directory, 'none')), NEVER));
    expect(missing).to.deep.include({ code: 'ContainerNotFound', passing: true });
    const double = await hybrid({});
    doubles.pop();
    await double.die();
    expect(await failureOf(dial(at(double.path), NEVER))).to.deep.include({
      code: 'ContainerNotRunning',
      passing: true,
    });
  });

  it('is not waited for where there is what never becomes a socket', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'd'));
    writeFileSync(join(directory, 'f'), '');
    for (const [path, says] of [
      [join(directory, 'd'), 'a directory'],
      [join(directory, 'f'), 'a plain file'],
      ['/dev/null', 'a device or a pipe'],
      [join(directory, 'f', 'vm.sock'), 'a part of its path is no directory'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await failureOf(dial(at(path), NEVER));
      expect(error, path).to.deep.include({ code: 'ContainerNotFound', passing: false });
      expect(String(error)).to.contain(says);
    }
  });

  it('is said to be closed by a VMM that does so at once, however that shows', async () => {
    const path = join(scratchDirectory(), 'vm.sock');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const said = new Set<string>();
    for (let count = 0; count < 50; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      said.add(((await failureOf(dial(at(path), NEVER))) as Error).message.replace(/^.*: /, ''));
    }
    server.close();
    expect([...said]).to.deep.equal(['the VMM closes the connection']);
  });
});
