/** Commands in containers without a shell, and of an engine whose processes are not ours to see. */

import { expect } from 'chai';

import { engineOf, findContainer } from '../../../src/docker/containers.ts';
import { startInDocker } from '../../../src/methods/docker/start.ts';
import type { Container } from '../../../src/model/container.ts';
import type { Engine } from '../../../src/model/engine.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import { needsDocker, startEngine } from '../../support/docker/engine.ts';
import { startUnixProxy } from '../../support/docker/unix-proxy.ts';
import type { DockerContainer, TestEngine } from '../../support/docker/engine.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../../support/lxc.ts';
import { requestOf } from '../../oci/requests.ts';
import { resultOf } from '../contract/result.ts';
import { runCli } from '../contract/cli.ts';

const NEVER = new AbortController().signal;

function request(command: readonly string[], further: Partial<ExecRequest> = {}): ExecRequest {
  return requestOf({ command, ...further });
}

describe('commands in Docker', () => {
  let engine: TestEngine;
  let small: DockerContainer;
  let shellless: DockerContainer;

  before(async function () {
    needsDocker(this);
    engine = await startEngine();
    small = await engine.run();
    shellless = await engine.run({ kind: 'noshell' });
  });

  after(() => engine?.stop());

  /** As root of another host sees it, or somebody who is not root. */
  const fromAfar = async ({ name }: DockerContainer, environment = engine.environment): Promise<Container> => {
    const known = await findContainer(engineOf({ ...process.env, ...environment }), name);
    if (known.docker === undefined) throw new Error('no access');
    const { engine: client, user, env, directory } = known.docker;
    return { ...known, docker: { engine: client, user, env, directory, initPid: undefined } };
  };

  const exec = async (...words: string[]): Promise<ReturnType<typeof resultOf>> =>
    resultOf(await runCli(['exec', '--json', ...words], { env: engine.environment, stdin: 'in' }));

  it('keep variables at a terminal whose names no shell can hold: given ones, and those of the image', async () => {
    const own = await engine.run({ flags: ['--env', 'own.name=of the image'] });
    for (const [container, name, value] of [
      [small, 'given.name', 'by us'],
      [own, 'own.name', 'of the image'],
    ] as const) {
      const flags = container === small ? ['-e', `${name}=${value}`] : [];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { exitCode, stdout } = await exec('-t', ...flags, `docker:${container.name}`, '--', 'env');
      expect([exitCode, stdout.split('\r\n').includes(`${name}=${value}`)], stdout).to.deep.equal([0, true]);
    }
  });

  describe('in an image without a shell', () => {
    it('run, with their streams, user, directory and environment', async () => {
      const target = `docker:${shellless.name}`;
      expect(await exec(target, '--', 'cat')).to.deep.include({ exitCode: 0, stdout: 'in' });
      expect((await exec('-u', 'app', target, '--', 'id', '-u')).stdout).to.equal('1000\n');
      expect((await exec('-e', 'A=b c', '-w', '/tmp', target, '--', 'env')).stdout).to.include('\nA=b c\n');
      expect(await exec(target, '--', 'sh')).to.deep.include({ exitCode: 127, started: false });
    });

    it('get a terminal', async () => {
      expect(await exec('-t', `docker:${shellless.name}`, '--', 'printf', 'a\\n')).to.deep.include({
        exitCode: 0,
        stdout: 'a\r\n',
      });
    });

    it('are ended by a timeout', async () => {
      const before = await snapshotProcesses(shellless);
      const result = await exec('--timeout', '2s', `docker:${shellless.name}`, '--', 'sleep', '100003');
      expect(result).to.deep.include({ exitCode: 124, treeKill: true });
      await assertNothingNew(shellless, before);
    });
  });

  describe('whose processes are not of this host', () => {
    it('are signalled and ended from inside', async () => {
      const before = await snapshotProcesses(small);
      const script = "trap 'echo got it' USR1; setsid sleep 100004 & while :; do sleep 0.1; done";
      const asked = request(['sh', '-c', script], { needsTreeKill: true });
      const session = await startInDocker(await fromAfar(small), asked, NEVER);
      let said = '';
      session.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      session.stderr?.resume();
      await waitFor(async () => (await processesIn(small)).some(({ args }) => args === 'sleep 100004'), {
        what: 'the command to run',
      });
      session.signal('SIGUSR1');
      await waitFor(() => said === 'got it\n', { what: 'the command to hear' });
      expect(session.treeKill).to.equal(true);
      expect(await session.kill()).to.equal(true);
      expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 137, signal: null });
      await session.release();
      await assertNothingNew(small, before);
    });

    it('are signalled and ended whoever they run as', async () => {
      const before = await snapshotProcesses(small);
      const script = "trap 'echo got it' USR1; setsid sleep 100014 & while :; do sleep 0.1; done";
      for (const user of [{ user: 'app' }, { user: 'root', group: 'app' }]) {
        const asked = request(['sh', '-c', script], { needsTreeKill: true, user });
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const session = await startInDocker(await fromAfar(small), asked, NEVER);
        let said = '';
        session.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
        session.stderr?.resume();
        // oxlint-disable-next-line no-await-in-loop -- as above
        await waitFor(async () => (await processesIn(small)).some(({ args }) => args === 'sleep 100014'), {
          what: 'the command to run',
        });
        session.signal('SIGUSR1');
        // oxlint-disable-next-line no-await-in-loop -- as above
        await waitFor(() => said === 'got it\n', { what: 'the command to hear' });
        // oxlint-disable-next-line no-await-in-loop -- as above
        expect([await session.kill(), session.treeKill, (await session.exit).kind]).to.deep.equal([
          true,
          true,
          'exited',
        ]);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await session.release();
        // oxlint-disable-next-line no-await-in-loop -- as above
        await assertNothingNew(small, before);
      }
    });

    it('are not called ended while they run', async () => {
      const known = await fromAfar(shellless);
      const session = await startInDocker(known, request(['sleep', '100015']), NEVER);
      session.stdout?.resume();
      session.stderr?.resume();
      expect([await session.kill(), session.treeKill]).to.deep.equal([false, false]);
      expect((await session.exit).kind).to.equal('lost');
      await session.release();
      const left = (await processesIn(shellless)).find(({ args }) => args === 'sleep 100015');
      if (left === undefined) throw new Error('it is not there');
      process.kill(left.pid, 'SIGKILL');
    });

    for (const [what, words, user] of [
      ['of a user', ['yes'], { user: 'app' }],
      ['of root', ['yes'], undefined],
      ['that ignores SIGPIPE', ['sh', '-c', 'trap "" PIPE; while :; do echo y; done'], undefined],
      ['without a shell', ['cat', '/dev/zero'], undefined],
    ] as const) {
      it(`are told a few times that nobody reads: ${what}`, async () => {
        const container = what === 'without a shell' ? shellless : small;
        const before = await snapshotProcesses(container);
        const known = await fromAfar(container);
        const { docker } = known;
        if (docker === undefined) throw new Error('no access');
        let made = 0;
        let open = 0;
        let most = 0;
        const counting: Engine = {
          name: docker.engine.name,
          version: docker.engine.version,
          request: async (...asked) => {
            if (asked[0] === 'POST' && asked[1].endsWith('/exec')) made += 1;
            open += 1;
            most = Math.max(most, open);
            return docker.engine.request(...asked).finally(() => (open -= 1));
          },
          upgrade: (...asked) => docker.engine.upgrade(...asked),
          warmUp: () => docker.engine.warmUp(),
          close: () => docker.engine.close(),
        };
        const session = await startInDocker(
          { ...known, docker: { ...docker, engine: counting } },
          request(words, { user }),
          NEVER,
        );
        session.stderr?.resume();
        session.stdout?.once('data', () => session.stdout?.destroy());
        const exit = await session.exit;
        const isTold = what === 'of a user' || what === 'of root';
        expect(exit.kind).to.equal(isTold ? 'exited' : 'lost');
        // Its own, and for each of three tries one for each user.
        expect(made).to.be.within(2, 7);
        expect(most).to.be.below(4);
        const empty = exit.kind === 'lost' ? await session.kill() : true;
        if (what === 'without a shell') expect([empty, session.treeKill]).to.deep.equal([false, false]);
        else expect(empty).to.equal(true);
        await session.release();
        if (what === 'without a shell') {
          const left = (await processesIn(container)).find(({ args }) => args === words.join(' '));
          if (left !== undefined) process.kill(left.pid, 'SIGKILL');
        }
        await assertNothingNew(container, before);
      });
    }

    it('are lost where what has come could be all of their output', async () => {
      const before = await snapshotProcesses(small);
      const proxy = await startUnixProxy(engine.socket);
      try {
        proxy.cutBehind('whole\n');
        const environment = { ...engine.environment, DOCKER_HOST: `unix://${proxy.path}` };
        const known = await fromAfar(small, environment);
        const session = await startInDocker(known, request(['sh', '-c', 'echo whole; sleep 100008']), NEVER);
        session.stdout?.resume();
        session.stderr?.resume();
        expect((await session.exit).kind).to.equal('lost');
        expect(await session.kill()).to.equal(true);
        await session.release();
      } finally {
        await proxy.stop();
      }
      await assertNothingNew(small, before);
    });

    it('are not started where they could not be ended, and that is needed', async () => {
      const before = await snapshotProcesses(shellless);
      const failure = await startInDocker(
        await fromAfar(shellless),
        request(['sleep', '100005'], { needsTreeKill: true }),
        NEVER,
      ).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(Error);
      expect((failure as Error).name).to.equal('NotStartedError');
      expect((failure as Error).message).to.include('could not be ended');
      await assertNothingNew(shellless, before);
    });

    it('say that nothing ends them, where it is not needed', async () => {
      const session = await startInDocker(await fromAfar(shellless), request(['true']), NEVER);
      session.stdout?.resume();
      session.stderr?.resume();
      expect(session.treeKill).to.equal(false);
      expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 0, signal: null });
      await session.release();
    });
  });
});
