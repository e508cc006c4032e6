import { createServer } from 'node:http';
import { createServer as createUnixServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect } from 'chai';

import type { VsockAddress } from '../../src/model/vsock.ts';
import { AGENT_LIMITS, Agent, agentAt, awaitAgent } from '../../src/vsock/agent.ts';
import { wholeOf } from '../../src/vsock/grpc/frames.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { grpcServer, olderAgent } from '../support/vsock/agent-double.ts';
import { startHybrid as startVmm } from '../support/microvm/hybrid.ts';
import { startHybrid } from '../support/vsock/hybrid-double.ts';
import type { HybridDouble } from '../support/vsock/hybrid-double.ts';
import { ownAgent } from '../support/vsock/own-agent-double.ts';
import { waitFor } from '../support/wait-for.ts';

const NEVER = new AbortController().signal;
const PATIENT = { ...AGENT_LIMITS, connectMs: 60_000, handshakeMs: 60_000, answerMs: 60_000 };
const START = commandOf();

/** ExecRequest { start { command } } */
function commandOf(...words: readonly string[]): Uint8Array {
  const start = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  for (const word of words) start.tag(1, WireType.LengthDelimited).string(word);
  return start.join().finish();
}

describe('an agent in a guest', () => {
  const doubles: HybridDouble[] = [];
  const agents: Agent[] = [];

  async function vmWith(listener: (socket: Socket) => void): Promise<VsockAddress & { double: HybridDouble }> {
    const double = await startHybrid({ ports: { 2222: listener } });
    doubles.push(double);
    return { kind: 'hybrid', path: double.path, port: 2222, double };
  }

  async function connected(listener: (socket: Socket) => void, limits = PATIENT): Promise<Agent> {
    const agent = await Agent.connect(await vmWith(listener), NEVER, limits);
    agents.push(agent);
    return agent;
  }

  function failure(promise: Promise<Agent>): Promise<unknown> {
    return promise.then(
      (agent) => {
        agents.push(agent);
        return 'no failure';
      },
      (error: unknown) => error,
    );
  }

  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.close();
    for (const double of doubles.splice(0)) await double.die();
  });

  it('is one of ours where it says so', async () => {
    const agent = await connected(ownAgent({ capabilities: ['user', 'cgroup'] }).serve);
    expect(agent.hello).to.deep.include({ protocol: 1, capabilities: ['user', 'cgroup'] });
  });

  for (const service of ['exec.ExecService', 'guest.GuestService'])
    it(`is an older one where it has only ${service}, which is then called`, async () => {
      const server = olderAgent(service);
      const agent = await connected(server.serve);
      expect(agent.hello).to.equal(undefined);
      const call = agent.exec(() => {});
      call.send(START);
      call.finish();
      await call.ended;
      expect(server.calls).to.deep.equal(['/guest.GuestService/Hello', `/${service}/Exec`]);
    });

  for (const service of ['exec.ExecService', 'guest.GuestService'])
    it(`is found by its ${service}, also where its server has other words for what it lacks`, async () => {
      const server = grpcServer((path, got) => {
        if (path === '/guest.GuestService/StatPath' && service === 'guest.GuestService')
          return { message: () => got().end(0) };
        return { message: () => got().end(12, 'The server does not implement the method') };
      }, []);
      const agent = await connected(server.serve);
      const call = agent.exec(() => {});
      call.send(START);
      await call.ended;
      expect(server.calls.at(-1)).to.equal(`/${service}/Exec`);
    });

  it('is none where somebody else answers, or nobody', async () => {
    const web = createServer((_request, response) => response.end('hello'));
    const ofWeb = failure(connected((socket) => void web.emit('connection', socket)));
    expect(await ofWeb).to.deep.include({ code: 'PlatformUnreachable', passing: true });
    const ofNobody = failure(connected(() => {}, { ...PATIENT, answerMs: 200 }));
    expect(await ofNobody).to.deep.include({ code: 'PlatformUnreachable', passing: true });
    expect(String(await ofNobody)).to.contain('does not answer: nothing was heard of it in 200 ms');
    const ofGone = failure(connected((socket) => socket.destroy()));
    expect(String(await ofGone)).to.contain('does not answer: the connection to the guest was closed');
    const ofCut = failure(
      connected((socket) => grpcServer(() => ({ message: () => socket.destroy() }), []).serve(socket)),
    );
    expect(String(await ofCut)).to.contain('does not answer: the connection to the guest was closed');
    const silent = grpcServer(() => ({}), []);
    const ofSilent = failure(connected(silent.serve, { ...PATIENT, answerMs: 300 }));
    expect(String(await ofSilent)).to.contain('no answer within 300 ms');
    silent.close();
  });

  it('is connected to once, for any number of calls', async () => {
    const server = ownAgent({ exec: (exec) => exec.started().exit(0).end() });
    const address = await vmWith(server.serve);
    const found = await Promise.all(Array.from({ length: 20 }, () => agentAt(address, NEVER)));
    agents.push(...new Set(found));
    expect(new Set(found).size).to.equal(1);
    const ends = found.map(async (agent) => {
      const call = agent.exec(() => {});
      call.send(START);
      return (await call.ended).kind;
    });
    expect(new Set(await Promise.all(ends))).to.deep.equal(new Set(['status']));
    expect(await agentAt(address, NEVER)).to.equal(found[0]);
    expect(address.double.asked).to.have.lengthOf(1);
  });

  it('is connected to again when its connection was lost, or is dead', async () => {
    const server = ownAgent();
    let last: Socket | undefined;
    const address = await vmWith((socket) => {
      last = socket;
      server.serve(socket);
    });
    const first = await agentAt(address, NEVER);
    server.close();
    await first.closed;
    const second = await agentAt(address, NEVER);
    agents.push(second);
    expect(second).not.to.equal(first);
    expect(await second.isAlive()).to.equal(true);
    last?.destroy();
    await second.closed;
    expect(await second.isAlive()).to.equal(false);
  });

  it('is connected to again where its connection has ended and this process was too busy to see it', async () => {
    const server = ownAgent();
    let last: Socket | undefined;
    const address = await vmWith((socket) => {
      last = socket;
      server.serve(socket);
    });
    const first = await agentAt(address, NEVER);
    agents.push(first);
    // Closes the other end at once; that ours reads it takes the event loop.
    last?.destroy();
    expect(first.isOpen).to.equal(true);
    const second = await agentAt(address, NEVER);
    agents.push(second);
    expect(second).not.to.equal(first);
    expect(await second.isAlive()).to.equal(true);
  });

  it('whose connection is closed is not said to have ended its call, as one is that does', async () => {
    const server = ownAgent({
      exec: (exec) => {
        exec.started();
        if (server.execs.length === 1) exec.call.stream.close(0);
      },
    });
    let last: Socket | undefined;
    const agent = await connected((socket) => {
      last = socket;
      server.serve(socket);
    });
    const ended = agent.exec(() => {});
    ended.send(START);
    expect(await ended.ended).to.deep.equal({ kind: 'broken', reason: 'the agent ended it without a status' });
    const lost = agent.exec(() => {});
    lost.send(START);
    await waitFor(() => server.execs.length === 2, { what: 'the command to start' });
    last?.destroy();
    expect(await lost.ended).to.deep.equal({ kind: 'broken', reason: 'the connection to the guest was closed' });
  });

  it('that is only silent is not given up; an older one is asked what it answers in any case', async () => {
    for (const server of [ownAgent({ exec: (exec) => void exec.started() }), olderAgent('exec.ExecService')]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const agent = await connected(server.serve, { ...PATIENT, silenceMs: 20, pulseMs: 60_000 });
      const call = agent.exec(() => {});
      call.send(commandOf('sleep', '1'));
      call.finish();
      // oxlint-disable-next-line no-await-in-loop -- as above
      const end = await Promise.race([call.ended, new Promise((resolve) => setTimeout(resolve, 500, 'silent'))]);
      expect(end).to.equal('silent');
      expect(agent.isOpen).to.equal(true);
      const hellos = server.calls.filter((path) => path.endsWith('/Hello')).length;
      if (agent.hello === undefined) expect(hellos).to.be.above(2);
      else expect(hellos).to.equal(1);
      call.cancel();
      server.close();
    }
  });

  it('that hangs is given up in bounded time', async () => {
    const server = ownAgent({ exec: (exec) => void exec.started() });
    const path = join(scratchDirectory(), 's');
    const listener = createUnixServer(server.serve);
    await new Promise<void>((resolve) => listener.listen(path, resolve));
    const vmm = await startVmm({ 2222: path });
    const address = { kind: 'hybrid', path: vmm.path, port: 2222 } as const;
    const agent = await Agent.connect(address, NEVER, { ...PATIENT, silenceMs: 50, pulseMs: 400 });
    const call = agent.exec(() => {});
    call.send(START);
    await waitFor(() => server.execs.length === 1, { what: 'the command to start' });
    // As of a guest that was paused.
    vmm.stall();
    const end = await call.ended;
    expect(end).to.deep.include({ kind: 'broken' });
    expect(JSON.stringify(end)).to.contain('the guest has not answered');
    expect(agent.isOpen).to.equal(false);
    listener.close();
    await vmm.stop();
  });

  it('whose output nobody reads keeps it on its side, and does not hold other calls', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    const server = ownAgent({
      exec: (exec) => {
        exec.started();
        if (exec.id !== 'endless') {
          exec.output(1, 'short').exit(0).end();
          return;
        }
        const more = (): void => {
          if (exec.call.stream.destroyed) return;
          sent += chunk.length;
          exec.output(1, chunk);
          if (exec.call.stream.writableNeedDrain) exec.call.stream.once('drain', more);
          else setImmediate(more);
        };
        more();
      },
    });
    const agent = await connected(server.serve);
    const start = (id: string): Uint8Array =>
      new BinaryWriter()
        .tag(1, WireType.LengthDelimited)
        .fork()
        .tag(101, WireType.LengthDelimited)
        .string(id)
        .join()
        .finish();
    let received = 0;
    const endless = Array.from({ length: 8 }, () => {
      const call = agent.exec((pieces) => (received += wholeOf(pieces).length));
      call.send(start('endless'));
      call.pause();
      return call;
    });
    await waitFor(
      async () => {
        const before = sent;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return before > 0 && before === sent;
      },
      { what: 'the agent to wait for readers' },
    );
    expect(sent).to.be.below(8 * 6 * 1024 * 1024);
    let said = '';
    const other = agent.exec((pieces) => (said += wholeOf(pieces).toString('latin1')));
    other.send(start('other'));
    expect((await other.ended).kind).to.equal('status');
    expect(said).to.contain('short');
    expect(received).to.be.below(8 * 1024 * 1024);
    for (const call of endless) call.cancel();
  });

  it('is awaited until it answers', async () => {
    const path = join(scratchDirectory(), 'late');
    const address: VsockAddress = { kind: 'hybrid', path, port: 2222 };
    const waiting = awaitAgent(address, 60_000, NEVER);
    const server = ownAgent();
    const double = await startHybrid({ path, ports: { 2222: server.serve } });
    doubles.push(double);
    const agent = await waiting;
    agents.push(agent);
    expect(agent.hello).not.to.equal(undefined);
  });

  it('that accepts connections and says nothing is awaited for no longer than that either', async () => {
    const address = await vmWith(() => {});
    const error = await failure(awaitAgent(address, 1200, NEVER));
    expect(error).to.deep.include({ code: 'PlatformUnreachable' });
    expect(String(error)).to.contain('does not answer: nothing was heard of it; it was waited for 1200 ms');
  });

  it('is still awaited by others when one has waited for long enough', async () => {
    const server = ownAgent();
    let isUp = false;
    const held: Socket[] = [];
    const address = await vmWith((socket) => {
      if (isUp) server.serve(socket);
      else held.push(socket);
    });
    const impatient = failure(awaitAgent(address, 500, NEVER));
    const patient = awaitAgent(address, 60_000, NEVER);
    expect(String(await impatient)).to.contain('it was waited for 500 ms');
    isUp = true;
    for (const socket of held) server.serve(socket);
    const agent = await patient;
    agents.push(agent);
    expect(agent.hello).not.to.equal(undefined);
  });

  it('is not awaited for longer than that, nor where waiting is no use', async () => {
    const missing: VsockAddress = { kind: 'hybrid', path: join(scratchDirectory(), 'none'), port: 2222 };
    expect(await failure(awaitAgent(missing, 200, NEVER))).to.deep.include({ code: 'ContainerNotFound' });
    const never: VsockAddress = { kind: 'hybrid', path: scratchDirectory(), port: 2222 };
    expect(String(await failure(awaitAgent(never, 3_600_000, NEVER)))).to.contain('a directory');
    const cid: VsockAddress = { kind: 'cid', cid: 4242, port: 2222 };
    const before = process.env['PATH'];
    process.env['PATH'] = scratchDirectory();
    try {
      const error = await failure(awaitAgent(cid, 3_600_000, NEVER));
      expect(String(error)).to.contain('socat, which is not installed');
    } finally {
      process.env['PATH'] = before;
    }
    const abort = new AbortController();
    const canceled = failure(awaitAgent(missing, 3_600_000, abort.signal));
    abort.abort(new Error('enough'));
    expect(await canceled).to.have.property('message', 'enough');
  });
});
