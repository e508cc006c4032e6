/** The wire of an execution, against a server that does what the test wants. */
import { once } from 'node:events';

import { expect } from 'chai';
import { WebSocket } from 'ws';

import { WebSocketChannel } from '../../src/kubernetes/channel.ts';
import { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { PodChannel } from '../../src/model/pod.ts';
import { waitFor } from '../support/wait-for.ts';
import { SUCCESS, exitStatus, startFakeServer } from './fake-server.ts';
import type { FakeExecution, FakeOptions, FakeServer } from './fake-server.ts';

const PATH = '/api/v1/namespaces/web/pods/pod/exec?command=x';
const [STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE] = [0, 1, 2, 3, 4, 255] as const;

describe('the channel of an execution', () => {
  let server: FakeServer | undefined;
  let client: KubernetesClient | undefined;

  afterEach(async () => {
    client?.close();
    await server?.stop();
  });

  const clientOf = (url: string): KubernetesClient =>
    new KubernetesClient({
      server: new URL(url),
      namespace: 'web',
      ca: undefined,
      serverName: undefined,
      identity: {},
    });

  const open = async (options: FakeOptions, halfClose = false): Promise<PodChannel> => {
    server = await startFakeServer(options);
    client = clientOf(server.url);
    const channel = await client.open(PATH, halfClose);
    if (!('ended' in channel)) throw new Error(`refused: ${channel.status}`);
    return channel;
  };

  const textOf = async (channel: PodChannel): Promise<{ stdout: string; stderr: string }> => {
    const [stdout, stderr] = await Promise.all([channel.stdout.toArray(), channel.stderr.toArray()]);
    return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  };

  const says = (...messages: (readonly [number, string | Buffer])[]) => ({
    onExec: (execution: FakeExecution): void => {
      for (const [channel, data] of messages) execution.send(channel, data);
      execution.webSocket.close();
    },
  });

  it('passes on both outputs, and the status', async () => {
    const channel = await open(
      says([STDOUT, ''], [STDERR, ''], [STDOUT, 'out'], [STDERR, 'err'], [STDOUT, 'put'], [ERROR, exitStatus(42)]),
    );
    expect(await textOf(channel)).to.deep.equal({ stdout: 'output', stderr: 'err' });
    expect(await channel.ended).to.deep.equal({ kind: 'status', status: { kind: 'exited', exitCode: 42 } });
  });

  it('knows no end without a status', async () => {
    for (const messages of [
      [],
      [[STDOUT, 'out']],
      [[ERROR, '']],
      [[ERROR, '{}']],
      [[ERROR, SUCCESS.slice(0, -1)]],
      [[9, SUCCESS]],
      [[STDERR, SUCCESS]],
    ] as (readonly [number, string])[][]) {
      // oxlint-disable-next-line no-await-in-loop -- one server after the other
      const channel = await open(says(...messages));
      channel.stdout.resume();
      channel.stderr.resume();
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect((await channel.ended).kind, JSON.stringify(messages)).to.equal('lost');
      // oxlint-disable-next-line no-await-in-loop -- as above
      await server?.stop();
    }
  });

  it('knows no end of a connection that is cut', async () => {
    const channel = await open({
      onExec: (execution) => {
        execution.send(STDOUT, 'out');
        execution.socket.destroy();
      },
    });
    channel.stdout.resume();
    channel.stderr.resume();
    expect((await channel.ended).kind).to.equal('lost');
  });

  it('reads a status in pieces, and what comes on channels that it does not know not at all', async () => {
    const channel = await open(
      says([7, 'what'], [ERROR, SUCCESS.slice(0, 20)], [CLOSE, 'x'], [ERROR, SUCCESS.slice(20)], [STDOUT, 'late']),
    );
    expect(await textOf(channel)).to.deep.equal({ stdout: 'late', stderr: '' });
    expect(await channel.ended).to.deep.equal({ kind: 'status', status: { kind: 'exited', exitCode: 0 } });
  });

  it('ends by a status, also where the server stays', async () => {
    const channel = await open({ onExec: (execution) => execution.send(ERROR, SUCCESS) });
    channel.stdout.resume();
    channel.stderr.resume();
    expect((await channel.ended).kind).to.equal('status');
  });

  it('takes input in pieces that servers take, closes it with v5, and says the size', async () => {
    const seen: Buffer[] = [];
    const channel = await open({
      onExec: ({ webSocket }) => webSocket.on('message', (message: Buffer) => seen.push(message)),
    });
    expect(channel.halfCloses).to.equal(true);
    channel.resize(120, 40);
    const input = Buffer.alloc(100_000, 'i');
    channel.stdin.write(Buffer.alloc(0));
    channel.stdin.end(input);
    await waitFor(() => seen.at(-1)?.equals(Buffer.of(CLOSE, STDIN)), { what: 'the end of the input' });
    expect(seen[0]?.[0]).to.equal(RESIZE);
    expect(JSON.parse(seen[0]?.subarray(1).toString() ?? '')).to.deep.equal({ Width: 120, Height: 40 });
    const pieces = seen.filter(([channelNumber]) => channelNumber === STDIN).map((message) => message.subarray(1));
    expect(Buffer.concat(pieces).equals(input)).to.equal(true);
    expect(Math.max(...pieces.map(({ length }) => length))).to.equal(32 * 1024);
    channel.close();
  });

  it('has no use for the bytes of its input when it calls back', async () => {
    const seen: string[] = [];
    const channel = await open({
      onExec: ({ webSocket }) => webSocket.on('message', (message: Buffer) => seen.push(message.toString())),
    });
    const buffer = Buffer.alloc(1);
    for (const letter of 'abcdef') {
      buffer.fill(letter);
      // oxlint-disable-next-line no-await-in-loop -- the buffer is used again
      await new Promise((resolve) => void channel.stdin.write(buffer, resolve));
    }
    buffer.fill('x');
    await waitFor(() => seen.length === 6, { what: 'all of it' });
    expect(seen.join('')).to.equal('\0a\0b\0c\0d\0e\0f');
    channel.close();
  });

  it('sends no more input once it was ended, and its end once', async () => {
    const seen: Buffer[] = [];
    const channel = await open({
      onExec: ({ webSocket }) => webSocket.on('message', (message: Buffer) => seen.push(message)),
    });
    channel.stdin.write('in');
    channel.endInput();
    channel.stdin.write('more');
    channel.endInput();
    channel.resize(1, 1);
    await waitFor(() => seen.some(([channelNumber]) => channelNumber === RESIZE), { what: 'the last message' });
    expect(seen.slice(0, 2).map(String)).to.deep.equal([Buffer.from('\0in'), Buffer.of(CLOSE, STDIN)].map(String));
    expect(seen).to.have.length(3);
    expect(channel.stdin.destroyed).to.equal(true);
    channel.close();
  });

  it('does not close the input with v4, where that would close all', async () => {
    const seen: Buffer[] = [];
    const channel = await open({
      protocols: ['v4.channel.k8s.io'],
      onExec: ({ webSocket }) => webSocket.on('message', (message: Buffer) => seen.push(message)),
    });
    expect(channel.halfCloses).to.equal(false);
    channel.stdin.end('in');
    await once(channel.stdin, 'finish');
    channel.resize(1, 1);
    await waitFor(() => seen.length === 2, { what: 'two messages' });
    expect(seen.map(([channelNumber]) => channelNumber)).to.deep.equal([STDIN, RESIZE]);
    channel.close();
  });

  it('is not opened where the end of the input is needed, and the server has only v4', async () => {
    server = await startFakeServer({ protocols: ['v4.channel.k8s.io'] });
    client = clientOf(server.url);
    const answer = await client.open(PATH, true);
    expect('ended' in answer).to.equal(false);
  });

  it('holds up a server whose output nobody reads, and loses nothing', async () => {
    const PIECES = 512;
    const piece = Buffer.alloc(64 * 1024, 'o');
    let sent = 0;
    let buffered = 0;
    const channel = await open({
      onExec: (execution) => {
        const next = (): void => {
          if (sent === PIECES) {
            execution.send(ERROR, SUCCESS);
            execution.webSocket.close();
            return;
          }
          sent += 1;
          execution.webSocket.send(Buffer.concat([Buffer.of(STDOUT), piece]), next);
        };
        next();
      },
    });
    channel.stderr.resume();
    // It comes to a halt when what lies between us is full.
    await waitFor(
      () => {
        const before = buffered;
        buffered = sent;
        return sent > 0 && before === sent;
      },
      { what: 'the server to wait', intervalMs: 200 },
    );
    expect(sent).to.be.lessThan(PIECES);
    expect(channel.stdout.readableLength).to.be.lessThan(2 * 1024 * 1024);
    expect(channel.isFull).to.equal(true);
    const bytes = ((await channel.stdout.toArray()) as Buffer[]).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).to.equal(PIECES * piece.length);
    expect((await channel.ended).kind).to.equal('status');
  });

  it('makes input wait for a server that does not read it', async () => {
    const channel = await open({ onExec: ({ socket }) => socket.pause() });
    let taken = 0;
    const piece = Buffer.alloc(64 * 1024);
    const write = (): void => {
      if (!channel.stdin.destroyed) channel.stdin.write(piece, () => ((taken += 1), write()));
    };
    write();
    let before = -1;
    await waitFor(
      () => {
        const isStill = before === taken;
        before = taken;
        return isStill;
      },
      { what: 'the input to wait', intervalMs: 200 },
    );
    expect(channel.stdin.writableLength).to.be.lessThan(2 * piece.length);
    // What is on its way besides is the kernel's.
    expect(taken * piece.length).to.be.lessThan(64 * 1024 ** 2);
    channel.close();
    await channel.ended;
  });

  it('is given up when a message is larger than any server sends', async () => {
    const channel = await open(says([STDOUT, Buffer.alloc(5 * 1024 * 1024)], [ERROR, SUCCESS]));
    channel.stdout.resume();
    channel.stderr.resume();
    expect((await channel.ended).kind).to.equal('lost');
  });

  it('is lost when nothing is heard for long', async () => {
    server = await startFakeServer({ onExec: ({ socket }) => socket.pause() });
    const webSocket = new WebSocket(`${server.url.replace('http', 'ws')}${PATH}`, ['v5.channel.k8s.io']);
    await once(webSocket, 'open');
    const channel = new WebSocketChannel(webSocket, { intervalMs: 20, silenceMs: 100 });
    const end = await channel.ended;
    expect(end).to.deep.equal({ kind: 'lost', reason: 'nothing was heard for 0 s' });
  });

  it('says when something comes that nobody reads any more', async () => {
    const executions: FakeExecution[] = [];
    const channel = await open({ onExec: (execution) => void executions.push(execution) });
    const unread = new Promise<void>((resolve) => (channel.onUnread = resolve));
    channel.stderr.resume();
    channel.stdout.destroy();
    const [execution] = executions;
    execution?.send(STDOUT, 'out');
    await unread;
    execution?.send(STDERR, 'still read');
    execution?.send(ERROR, SUCCESS);
    expect((await channel.ended).kind).to.equal('status');
  });

  it('is no channel where the server is not there, or is another', async () => {
    server = await startFakeServer({ protocols: ['v5.channel.k8s.io'] });
    const { url } = server;
    const other = await clientOf(url.replace(/$/, '/elsewhere')).request('GET', '/api');
    expect(other.status).to.equal(404);
    await server.stop();
    for (const attempt of [clientOf(url).open(PATH, false), clientOf(url).request('GET', '/api')]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await attempt.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect((error as { code?: string }).code).to.equal('PlatformUnreachable');
    }
  });
});
