/** Commands in containers without a shell, and of an engine whose processes are not ours to see. */
import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { engineOf, findContainer } from '../../../src/docker/containers.ts';
import { startInDocker } from '../../../src/methods/docker/start.ts';
import type { Container } from '../../../src/model/container.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import { needsDocker, startEngine } from '../../support/docker/engine.ts';
import { startUnixProxy } from '../../support/docker/unix-proxy.ts';
import type { DockerContainer, TestEngine } from '../../support/docker/engine.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../../support/lxc.ts';
import { resultOf } from '../contract/result.ts';
import { runCli } from '../contract/cli.ts';

const NEVER = new AbortController().signal;

function request(command: readonly string[], further: Partial<ExecRequest> = {}): ExecRequest {
  return {
    id: randomUUID(),
    command,
    env: new Map(),
    workdir: undefined,
    user: undefined,
    privileged: false,
    terminal: undefined,
    stdin: { kind: 'null' },
    stdout: { kind: 'pipe' },
    stderr: { kind: 'pipe' },
    needsTreeKill: false,
    ...further,
  };
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

  describe('in an image without a shell', () => {
    const exec = async (...words: string[]): Promise<ReturnType<typeof resultOf>> =>
      resultOf(await runCli(['exec', '--json', ...words], { env: engine.environment, stdin: 'in' }));

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
