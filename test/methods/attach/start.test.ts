import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { NoShellError } from '../../../src/methods/attach/failures.ts';
import type { Attacher } from '../../../src/methods/attach/launch.ts';
import { lookUpUser } from '../../../src/methods/attach/look-up-user.ts';
import { startDirectly, startWithShell } from '../../../src/methods/attach/start.ts';
import { NotStartedError } from '../../../src/methods/method.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import type { Session } from '../../../src/model/session.ts';
import { allProcesses, environmentValueOf } from '../../../src/process/proc.ts';
import { TAG_VARIABLE } from '../../../src/process/tree.ts';
import { requestOf } from '../../oci/requests.ts';
import { processInfo } from '../../support/proc.ts';
import { waitFor } from '../../support/wait-for.ts';

const NEVER = new AbortController().signal;

/** A program that runs what it is given on this host, as a child of its own: an attaching program without a container. */
const HOST: Attacher = { file: '/bin/sh', args: () => ['-c', '"$@"; exit $?', 'sh'], initPid: undefined };

/** A program that does this instead. */
function doing(script: string): Attacher {
  return { file: '/bin/sh', args: () => ['-c', script, 'sh'], initPid: undefined };
}

function start(attacher: Attacher, request: ExecRequest, abort = NEVER): Promise<Session> {
  return startWithShell({ attacher, extraOptions: [], prefix: [], user: undefined }, request, abort);
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it was started');
    },
    (error: unknown) => error,
  );
}

/** Nothing of the execution is left on this host, its watchdog included. */
async function expectNothingLeft({ id }: ExecRequest): Promise<void> {
  const left = () =>
    allProcesses()
      .filter(
        ({ pid, state }) =>
          state !== 'Z' && (environmentValueOf(pid, TAG_VARIABLE) === id || processInfo(pid)?.args.includes(id)),
      )
      .map(({ pid }) => processInfo(pid)?.args);
  await waitFor(() => left().length === 0, { what: 'nothing to be left' }).catch(() =>
    expect(left()).to.deep.equal([]),
  );
}

describe('starting with a shell', () => {
  it('gives a session of the command that runs', async () => {
    const request = requestOf({ command: ['/bin/sh', '-c', 'echo out; echo err >&2; exit 42'] });
    const session = await start(HOST, request);
    const streams = [session.stdout, session.stderr].map((stream) =>
      stream === null ? Promise.resolve('') : text(stream),
    );
    expect(await Promise.all(streams)).to.deep.equal(['out\n', 'err\n']);
    expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 42, signal: null });
    expect(session.stdin).to.equal(null);
    await session.release();
    await expectNothingLeft(request);
  });

  it('says for certain that nothing was started when the program ends before it says so', async () => {
    for (const script of ['exit 0', 'exit 1', 'exit 255', 'kill -KILL $$']) {
      const request = requestOf();
      expect(await errorOf(start(doing(script), request)), script).to.be.an.instanceOf(NotStartedError);
      await expectNothingLeft(request);
    }
  });

  it('knows a container without a shell by the program’s exit code', async () => {
    for (const code of [126, 127]) {
      expect(await errorOf(start(doing(`exit ${code}`), requestOf()))).to.be.an.instanceOf(NoShellError);
    }
  });

  it('says so when the program itself cannot be run', async () => {
    const error = await errorOf(
      start({ file: '/nonexistent/lxc-attach', args: () => [], initPid: undefined }, requestOf()),
    );
    expect(error).to.be.an.instanceOf(NotStartedError);
    expect((error as Error).message).to.include('ENOENT');
  });

  it('refuses for good what no method could start', async () => {
    for (const [given, code] of [
      [{ command: ['nosuch'] }, 'CommandNotFound'],
      [{ command: ['/etc'] }, 'CommandNotExecutable'],
      [{ workdir: '/nonexistent' }, 'WorkdirNotFound'],
      [{ command: ['true', ...Array.from({ length: 40 }, () => 'x'.repeat(100_000))] }, 'UsageError'],
    ] as const) {
      const request = requestOf(given);
      expect(await errorOf(start(HOST, request)), code).to.have.property('code', code);
      await expectNothingLeft(request);
    }
  });

  it('does not believe an answer that it does not know', async () => {
    const request = requestOf();
    const error = await errorOf(start(doing('echo welcome >&3; exec sleep 1101'), request));
    expect(error).to.be.an.instanceOf(NotStartedError);
    await expectNothingLeft(request);
  });

  it('ends an attempt that is aborted, and all of it', async () => {
    const request = requestOf();
    const controller = new AbortController();
    const starting = errorOf(start(doing('sleep 1102 & sleep 1103'), request, controller.signal));
    await waitFor(
      () => allProcesses().filter(({ pid }) => environmentValueOf(pid, TAG_VARIABLE) === request.id).length >= 3,
      {
        what: 'the attempt',
      },
    );
    controller.abort();
    expect(await starting).to.be.an.instanceOf(NotStartedError);
    await expectNothingLeft(request);
  });

  it('has no value on any command line', async () => {
    const request = requestOf({ command: ['sleep', '1104'], env: new Map([['SECRET', 'hunter2-of-the-test']]) });
    const session = await start(HOST, request);
    try {
      const command = await waitFor(
        () => allProcesses().find(({ pid }) => processInfo(pid)?.args === 'sleep 1104')?.pid,
        {
          what: 'the command',
        },
      );
      expect(environmentValueOf(command, 'SECRET')).to.equal('hunter2-of-the-test');
      const lines = allProcesses().map(({ pid }) => processInfo(pid)?.args ?? '');
      expect(lines.filter((args) => args.includes('hunter2-of-the-test'))).to.deep.equal([]);
    } finally {
      expect(await session.kill()).to.equal(true);
      await session.release();
    }
    await expectNothingLeft(request);
  });
});

describe('starting without a shell', () => {
  /** Takes `-o LOG` as lxc-attach does, and logs there what the script says. */
  function logging(script: string): Attacher {
    return {
      file: '/bin/sh',
      args: (_variables, options) => ['-c', `log=$2; shift 2; ${script}`, 'sh', ...options],
      initPid: undefined,
    };
  }

  it('gives the status of the command, where the log says nothing else', async () => {
    const session = await startDirectly(
      logging('"$@"; exit $?'),
      [],
      {},
      requestOf({ command: ['sh', '-c', 'exit 127'] }),
      new AbortController().signal,
    );
    session.stdout?.resume();
    session.stderr?.resume();
    expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 127, signal: null });
    await session.release();
  });

  it('finds in the log that it never ran', async () => {
    const log = 'lxc-attach web 0 ERROR attach - attach.c:x:1 - No such file or directory - Failed to exec "nosuch"';
    const session = await startDirectly(
      logging(`echo '${log}' >>"$log"; exit 127`),
      [],
      {},
      requestOf({ command: ['nosuch'] }),
      new AbortController().signal,
    );
    session.stdout?.resume();
    session.stderr?.resume();
    const exit = await session.exit;
    expect(exit.kind).to.equal('not-started');
    expect(exit).to.have.nested.property('error.code', 'CommandNotFound');
    await session.release();
  });
});

describe('looking up a user', () => {
  it('gives what the container knows', async () => {
    const request = requestOf({ user: { user: '0' } });
    const found = await lookUpUser(HOST, request, NEVER);
    expect(found).to.deep.include({ uid: 0, gid: 0, name: 'root' });
    await expectNothingLeft(request);
    expect(await lookUpUser(HOST, requestOf(), NEVER)).to.equal(undefined);
  });

  it('says that there is none', async () => {
    const error = await errorOf(lookUpUser(HOST, requestOf({ user: { user: 'no-such-user' } }), NEVER));
    expect((error as LxcriError).code).to.equal('UserNotFound');
  });

  it('says that nothing was started, or that there is no shell', async () => {
    const request = requestOf({ user: { user: 'app' } });
    expect(await errorOf(lookUpUser(doing('exit 1'), request, NEVER))).to.be.an.instanceOf(NotStartedError);
    expect(await errorOf(lookUpUser(doing('exit 127'), request, NEVER))).to.be.an.instanceOf(NoShellError);
  });

  it('ends when it is aborted', async () => {
    const request = requestOf({ user: { user: 'app' } });
    const controller = new AbortController();
    const looking = errorOf(lookUpUser(doing('sleep 1105; :'), request, controller.signal));
    await waitFor(() => allProcesses().some(({ pid }) => environmentValueOf(pid, TAG_VARIABLE) === request.id), {
      what: 'the look-up',
    });
    controller.abort();
    expect(await looking).to.be.an.instanceOf(NotStartedError);
    await expectNothingLeft(request);
  });

  it('ends when it was aborted before', async () => {
    const request = requestOf({ user: { user: 'app' } });
    const begin = performance.now();
    expect(await errorOf(lookUpUser(doing('sleep 60; :'), request, AbortSignal.abort()))).to.be.an.instanceOf(
      NotStartedError,
    );
    expect(performance.now() - begin).to.be.below(20_000);
    await expectNothingLeft(request);
  });
});
