/** What an agent can say, or fail to say, of a command. */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import { NotStartedError } from '../../../src/methods/method.ts';
import { findGuest } from '../../../src/methods/vsock/guest.ts';
import { startInGuest } from '../../../src/methods/vsock/start.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import type { Session } from '../../../src/model/session.ts';
import { startExecution } from '../../../src/oci/execution.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { agentAt } from '../../../src/vsock/agent.ts';
import { requestOf } from '../../oci/requests.ts';
import { grpcServer, olderAgent } from '../../support/vsock/agent-double.ts';
import type { GrpcServer } from '../../support/vsock/agent-double.ts';
import { startHybrid } from '../../support/vsock/hybrid-double.ts';
import type { HybridDouble } from '../../support/vsock/hybrid-double.ts';
import { inner, ownAgent } from '../../support/vsock/own-agent-double.ts';
import type { Fields, OwnAgentOptions, ServedExec } from '../../support/vsock/own-agent-double.ts';
import { waitFor } from '../../support/wait-for.ts';

const PIPE = { kind: 'pipe' } as const;

const REQUEST = requestOf({ id: '11111111-2222-3333-4444-555555555555' });

function textOf(stream: Readable | null): Promise<string> {
  return stream === null ? Promise.resolve('') : text(stream);
}

describe('a command in a microVM', () => {
  const doubles: HybridDouble[] = [];

  afterEach(async () => {
    for (const double of doubles.splice(0)) {
      const address = { kind: 'hybrid', path: double.path, port: 2222 } as const;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const agent = await agentAt(address, new AbortController().signal).catch(() => undefined);
      agent?.close();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await double.die();
    }
  });

  async function start(
    server: GrpcServer,
    request: Partial<ExecRequest> = {},
    abort = new AbortController().signal,
  ): Promise<Session> {
    const double = await startHybrid({ ports: { 2222: server.serve } });
    doubles.push(double);
    return startInGuest(findGuest(double.path), { ...REQUEST, ...request }, abort);
  }

  async function startBy(options: OwnAgentOptions, request: Partial<ExecRequest> = {}): Promise<Session> {
    return start(ownAgent(options), request);
  }

  async function failure(promise: Promise<Session>): Promise<Error> {
    return promise.then(
      () => new Error('it was started'),
      (error: Error) => error,
    );
  }

  it('has its streams, exit code and signal', async () => {
    const session = await startBy({
      exec: (exec) => exec.started().output(1, 'out').output(2, 'err').exit(137, { 2: 9, 3: 'SIGKILL', 6: 1 }).end(),
    });
    expect(await session.exit).to.deep.equal({
      kind: 'exited',
      exitCode: 137,
      signal: 'SIGKILL',
      outputIncomplete: true,
    });
    expect([await textOf(session.stdout), await textOf(session.stderr)]).to.deep.equal(['out', 'err']);
    expect(session.treeKill).to.equal(true);
  });

  for (const code of [-1, 256, 300, 512, 2_147_483_647, -256])
    it(`never becomes a success by an exit code of ${code}`, async () => {
      const session = await startBy({ exec: (exec) => exec.started().exit(code).end() });
      expect(await session.exit).to.deep.include({ kind: 'exited', exitCode: 255 });
    });

  for (const [what, end] of [
    ['the status OK', (exec: ServedExec) => exec.end()],
    ['another status', (exec: ServedExec) => exec.end(13, 'the agent has failed')],
    ['nothing at all', (exec: ServedExec) => exec.call.stream.close(2)],
    ['the end of its connection', (exec: ServedExec) => exec.call.stream.session?.destroy()],
    [
      'half a message',
      ({ call: { stream } }: ServedExec) => {
        stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
      },
    ],
    [
      'the end of its side, without a status',
      ({ call: { stream } }: ServedExec) => {
        stream.once('wantTrailers', () => stream.sendTrailers({ other: 'x' }));
        stream.end();
      },
    ],
    ['what is no message', (exec: ServedExec) => exec.call.stream.write(Buffer.from('HTTP/1.1 500 No\r\n'))],
    [
      'a message that cannot be read',
      (exec: ServedExec) => exec.call.stream.write(Buffer.from([0, 0, 0, 0, 2, 10, 99])),
    ],
  ] as const)
    it(`is lost, and no success, when ${what} comes instead of an exit code`, async () => {
      const session = await startBy({
        exec: (exec) => {
          exec.started().output(1, 'so far');
          setTimeout(() => end(exec), 20);
        },
        control: () => 'ended',
      });
      const read = textOf(session.stdout);
      const exit = await session.exit;
      expect(exit.kind).to.equal('lost');
      expect(await read).to.equal('so far');
    });

  it('that may have started is not said not to have', async () => {
    const session = await startBy({ exec: (exec) => exec.call.stream.session?.destroy() });
    expect((await session.exit).kind).to.equal('lost');
  });

  for (const [code, expected] of [
    ['CommandNotFound', 'CommandNotFound'],
    ['CommandNotExecutable', 'CommandNotExecutable'],
    ['WorkdirNotFound', 'WorkdirNotFound'],
    ['UserNotFound', 'UserNotFound'],
    ['UsageError', 'UsageError'],
    ['PermissionDenied', 'PermissionDenied'],
  ] as const)
    it(`is not started where the agent says ${code}`, async () => {
      const error = await failure(startBy({ exec: (exec) => exec.refuse(code, 'because').end() }));
      expect(error).to.deep.include({ code: expected });
    });

  for (const [what, refuse] of [
    ['something new', (exec: ServedExec) => exec.refuse('Whatever', 'because').end()],
    ['that something is wrong', (exec: ServedExec) => exec.end(9, 'because')],
  ] as const)
    it(`is not started, and another method may try, where the agent says ${what}`, async () => {
      const error = await failure(startBy({ exec: refuse }));
      expect(error).to.be.instanceOf(NotStartedError);
      expect(error.message).to.contain('because');
    });

  for (const [what, refuse] of [
    ['says that it runs enough', (exec: ServedExec) => exec.end(8, 'because')],
    ['says that it ends', (exec: ServedExec) => exec.end(14, 'because')],
    ['does not even look at it', (exec: ServedExec) => exec.call.stream.close(7)],
  ] as const)
    it(`is to be tried again where the agent ${what}`, async () => {
      const error = await failure(startBy({ exec: refuse }));
      expect(error).to.deep.include({ name: 'LxcriError', code: 'PlatformUnreachable' });
      expect(error).to.have.property('hint').that.contains('try again');
    });

  it('is named in full only where it is short', async () => {
    const error = await failure(
      startBy({ exec: (exec) => exec.refuse('CommandNotFound', 'because').end() }, { command: ['x'.repeat(5000)] }),
    );
    expect(error.message).to.contain('xxxx').and.to.have.length.below(200);
  });

  for (const code of ['CommandNotFound', 'CommandNotExecutable'])
    it(`that is the login shell is named by the agent where it says ${code}`, async () => {
      const exec = (served: ServedExec): void => served.refuse(code, 'there is no "/bin/gone"').end();
      const error = await failure(startBy({ exec }, { command: [] }));
      expect(error).to.deep.include({ code });
      expect(error.message).to.contain('login shell').and.to.contain('"/bin/gone"');
    });

  it('is left, and then killed by the agent, when it is canceled before it has said that it runs', async () => {
    let seen: ServedExec | undefined;
    const server = ownAgent({ exec: (exec) => void (seen = exec), control: () => 'ended' });
    const abort = new AbortController();
    const starting = start(server, {}, abort.signal);
    await waitFor(() => seen, { what: 'the command to be asked for' });
    abort.abort(new Error('enough'));
    const session = await starting;
    expect((await session.exit).kind).to.equal('lost');
    await waitFor(() => seen?.call.stream.closed, { what: 'the agent to be told' });
    expect(await session.kill()).to.equal(true);
  });

  it('is refused as another user by an agent that may not change it, which knows whether it is one', async () => {
    const server = ownAgent({
      capabilities: [],
      exec: (exec) => exec.refuse('PermissionDenied', 'its commands run as its own user only').end(),
    });
    const error = await failure(start(server, { user: { user: 'app' } }));
    expect(error).to.be.instanceOf(LxcriError).and.to.include({ code: 'PermissionDenied' });
    expect(error.message).to.contain('its own user only');
    expect(server.execs.map(({ start: asked }) => asked.get(105))).to.deep.equal([[Buffer.from('app')]]);
  });

  it('gets its input in pieces, and its end', async () => {
    const input = Buffer.alloc(1_000_000, 'i');
    const got: Buffer[] = [];
    const server = ownAgent({
      exec: (exec) => {
        exec.started();
        const { messages } = exec;
        messages.push = (...added: Fields[]) => {
          for (const message of added) {
            const piece = message.get(2)?.[0];
            if (typeof piece === 'object') got.push(piece);
            if (message.has(100)) exec.exit(0).end();
          }
          return 0;
        };
      },
    });
    const session = await start(server, { stdin: PIPE });
    session.stdin?.end(input);
    expect((await session.exit).kind).to.equal('exited');
    expect(Buffer.concat(got).equals(input)).to.equal(true);
    expect(Math.max(...got.map(({ length }) => length))).to.be.at.most(256 * 1024);
  });

  it('is told of signals, sizes and readers that have gone, past its input', async () => {
    const server = ownAgent({ exec: (exec) => void exec.started() });
    const session = await start(server, { terminal: { columns: 80, rows: 24, type: 'xterm' }, stdin: PIPE });
    expect(session.stderr).to.equal(null);
    session.signal('SIGTERM');
    session.signal('SIGUSR1');
    session.signal('SIGWINCH');
    session.resize(100, 30);
    session.stdout?.destroy();
    await waitFor(() => server.controls.length === 4, { what: 'four words to the agent' });
    const [term, user, size, closed] = server.controls;
    const of = (control: Fields | undefined, number: number, field: number): unknown =>
      control === undefined ? undefined : inner(control, number)?.get(field)?.[0];
    expect([of(term, 2, 1), of(term, 2, 2), of(term, 2, 3)]).to.deep.equal([15, 0, 86_400_000]);
    expect([of(user, 2, 1), of(user, 2, 2), of(user, 2, 3)]).to.deep.equal([10, 1, undefined]);
    expect([of(size, 3, 1), of(size, 3, 2)]).to.deep.equal([30, 100]);
    expect(of(closed, 4, 1)).to.equal(1);
    expect(server.controls.map((control) => String(control.get(1)?.[0]))).to.deep.equal(
      Array.from({ length: 4 }, () => REQUEST.id),
    );
    await session.release();
  });

  it('is killed with all of its tree, also while nobody reads its output', async () => {
    let running: ServedExec | undefined;
    const server = ownAgent({
      exec: (exec) => {
        running = exec.started();
        for (let count = 0; count < 100; count++) exec.output(1, Buffer.alloc(64 * 1024));
      },
      control: (request) => {
        expect([inner(request, 2)?.get(1)?.[0], inner(request, 2)?.get(2)?.[0]]).to.deep.equal([9, 2]);
        running?.exit(137, { 2: 9, 3: 'SIGKILL', 7: 0 }).end();
        return 0;
      },
    });
    const session = await start(server);
    expect(await session.kill()).to.equal(true);
    expect(await session.exit).to.deep.include({ exitCode: 137, signal: 'SIGKILL' });
  });

  for (const capabilities of [['user'], ['user', 'cgroup']])
    it(`whose output is held after it was killed is all gone only by a control group (${capabilities.join()})`, async () => {
      let running: ServedExec | undefined;
      const session = await startBy({
        capabilities,
        exec: (exec) => void (running = exec.started()),
        control: () => {
          running?.exit(137, { 2: 9, 6: 1 }).end();
          return 0;
        },
      });
      const isGone = capabilities.includes('cgroup');
      // Asked for again after its end, as who reports the result does.
      expect([await session.kill(), await session.kill()]).to.deep.equal([isGone, isGone]);
    });

  it('is not said to have been ended by a timeout where something may be left', async () => {
    let running: ServedExec | undefined;
    const server = ownAgent({
      exec: (exec) => void (running = exec.started()),
      control: (request) => {
        if (inner(request, 2)?.get(1)?.[0] === 9) running?.exit(137, { 2: 9, 6: 1 }).end();
        return 0;
      },
    });
    const double = await startHybrid({ ports: { 2222: server.serve } });
    doubles.push(double);
    const inventory = { lxcpaths: [], pve: new NodeConfig('/nonexistent') };
    // Connected to, so that the time is for the command alone.
    (await startInGuest(findGuest(double.path), REQUEST, new AbortController().signal)).stdout?.resume();
    running?.exit(0).end();
    const { result } = startExecution(inventory, `vsock:${double.path}`, ['sleep', '1'], {
      timeoutMs: 5000,
      killAfterMs: 10,
    });
    const { exitCode, treeKill, error } = await result;
    expect({ exitCode, treeKill }).to.deep.equal({ exitCode: 124, treeKill: false });
    expect(error?.message).to.contain('something of it may be left: the guest has no control groups');
  });

  it('says so when processes of it are left', async () => {
    let running: ServedExec | undefined;
    const session = await startBy({
      exec: (exec) => void (running = exec.started()),
      control: () => {
        running?.exit(137, { 2: 9, 7: 2 }).end();
        return 2;
      },
    });
    expect(await session.kill()).to.equal(false);
  });
});

describe('a command in a microVM with an older agent', () => {
  const doubles: HybridDouble[] = [];

  afterEach(async () => {
    for (const double of doubles.splice(0)) await double.die();
  });

  async function start(server: GrpcServer, request: Partial<ExecRequest> = {}): Promise<Session> {
    const double = await startHybrid({ ports: { 2222: server.serve } });
    doubles.push(double);
    return startInGuest(findGuest(double.path), { ...REQUEST, ...request }, new AbortController().signal);
  }

  it('runs, and it is known what that agent cannot do', async () => {
    const server = olderAgent('exec.ExecService');
    const session = await start(server, {
      command: ['sh', '-c', 'cat; echo "$A $PWD" >&2; exit 3'],
      env: new Map([['A', 'ä']]),
      workdir: '/tmp',
      stdin: PIPE,
    });
    session.stdin?.end('input');
    expect([await textOf(session.stdout), await textOf(session.stderr)]).to.deep.equal(['input', 'ä /tmp\n']);
    expect(await session.exit).to.deep.include({ kind: 'exited', exitCode: 3 });
    expect(session.treeKill).to.equal(false);
    expect(session.remark).to.contain('passes on no signals');
  });

  it('is refused before the start where it needs what that agent has not', async () => {
    const server = olderAgent('guest.GuestService');
    for (const [request, reason] of [
      [{ user: { user: 'app' } }, 'cannot change the user'],
      [{ needsTreeKill: true }, '--timeout'],
      [{ command: ['echo', Buffer.of(0xff)] }, 'valid UTF-8'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await start(server, request).then(
        () => undefined,
        (failed: unknown) => failed,
      );
      expect(error).to.be.instanceOf(NotStartedError);
      expect((error as Error).message).to.contain(reason);
    }
    expect(server.starts).to.deep.equal([]);
  });

  for (const [said, code] of [
    ['start command: exec: "x": executable file not found in $PATH', 'CommandNotFound'],
    ['start pty: fork/exec /x: no such file or directory', 'CommandNotFound'],
    ['start command: fork/exec /etc: permission denied', 'CommandNotExecutable'],
    ['start command: chdir /x: no such file or directory', 'WorkdirNotFound'],
    ['start command: fork/exec: cannot allocate memory', 'NoMethodAvailable'],
  ] as const)
    it(`never ran where it says ${JSON.stringify(said)}`, async () => {
      const server = grpcServer(
        (path, got) => (path.endsWith('/Exec') ? { message: () => got().end(2, said) } : undefined),
        ['guest.GuestService'],
      );
      const exit = await (await start(server)).exit;
      expect(exit.kind === 'not-started' ? exit.error.code : exit).to.equal(code);
    });

  it('may have run where it says anything else', async () => {
    const server = grpcServer(
      (path, got) =>
        path.endsWith('/Exec') ? { message: () => got().end(2, 'send: transport is closing') } : undefined,
      ['guest.GuestService'],
    );
    expect((await (await start(server)).exit).kind).to.equal('lost');
  });
});
