/** A command whose engine, connection or container goes away. */
import { expect } from 'chai';

import { resultOf } from '../contract/result.ts';
import { runCli, startCli } from '../contract/cli.ts';
import { startUnixProxy } from '../../support/docker/unix-proxy.ts';
import type { UnixProxy } from '../../support/docker/unix-proxy.ts';
import { needsDocker, startEngine } from '../../support/docker/engine.ts';
import type { DockerContainer, TestEngine } from '../../support/docker/engine.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../../support/lxc.ts';

const CUTS = 20;
const OUTPUT_BYTES = 4 * 1024 * 1024;

describe('a command in Docker that is cut off', () => {
  let engine: TestEngine;
  let container: DockerContainer;
  let proxy: UnixProxy;

  before(async function () {
    needsDocker(this);
    engine = await startEngine();
    container = await engine.run();
    proxy = await startUnixProxy(engine.socket);
  });

  after(async () => {
    await proxy?.stop();
    await engine?.stop();
  });

  it(`is never a success, and never run twice, wherever the cut is (${CUTS} places)`, async () => {
    const before = await snapshotProcesses(container);
    const places = Array.from({ length: CUTS }, () => Math.floor(Math.random() ** 3 * OUTPUT_BYTES));
    const outcomes = [];
    for (const [index, place] of places.entries()) {
      proxy.cutAfter(place);
      const file = `/tmp/ran-${index}`;
      // It holds its last output back until the cut has been noticed, so that it cannot have been over before.
      const script = `echo x >>${file}; head -c ${OUTPUT_BYTES} /dev/zero; sleep 100000`;
      // oxlint-disable-next-line no-await-in-loop -- one cut at a time
      const result = resultOf(
        await runCli(['exec', '--json', `docker:${container.name}`, '--', 'sh', '-c', script], {
          env: { ...engine.environment, DOCKER_HOST: `unix://${proxy.path}` },
        }),
      );
      const { exitCode, error, started, connectionLost } = result;
      // oxlint-disable-next-line no-await-in-loop -- as above
      const ran = (await container.attach(['sh', '-c', `cat ${file} 2>/dev/null | wc -l`])).stdout.trim();
      outcomes.push({ place, exitCode, code: error?.code, started, connectionLost, ran: Number(ran) });
      // oxlint-disable-next-line no-await-in-loop -- as above
      await assertNothingNew(container, before);
    }
    const wrong = outcomes.filter(({ exitCode, code, started, connectionLost, ran }) => {
      const isLost = exitCode === 255 && code === 'ConnectionLost' && started && connectionLost && ran <= 1;
      return !isLost && !(exitCode === 125 && !started && ran === 0);
    });
    expect(wrong, JSON.stringify(outcomes)).to.deep.equal([]);
  });

  it('is lost, and ended, where what has come could be all of its output', async () => {
    const before = await snapshotProcesses(container);
    for (const flags of [['--json'], ['--json', '-t']]) {
      proxy.cutBehind(flags.includes('-t') ? 'whole\r\n' : 'whole\n');
      const words = ['exec', ...flags, `docker:${container.name}`, '--', 'sh', '-c', 'echo whole; sleep 100007'];
      // oxlint-disable-next-line no-await-in-loop -- one cut at a time
      const result = resultOf(
        await runCli(words, { env: { ...engine.environment, DOCKER_HOST: `unix://${proxy.path}` } }),
      );
      expect(result).to.deep.include({ exitCode: 255, started: true, connectionLost: true, treeKill: true });
      expect(result.error?.code).to.equal('ConnectionLost');
      expect(result.stdout).to.match(/^whole\r?\n$/);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await assertNothingNew(container, before);
    }
  });

  it('is lost when its container is removed meanwhile', async () => {
    const doomed = await engine.run();
    const cli = startCli(['exec', '--json', `docker:${doomed.name}`, '--', 'sh', '-c', 'echo here; sleep 100001'], {
      env: engine.environment,
    });
    await waitFor(async () => (await processesIn(doomed)).some(({ args }) => args === 'sleep 100001'), {
      what: 'the command to run',
    });
    await doomed.destroy();
    const result = resultOf(await cli.ended);
    expect(result.stdout).to.equal('here\n');
    // The engine may still know how it ended.
    expect([137, 255]).to.include(result.exitCode);
    expect(result.exitCode === 255).to.equal(result.error?.code === 'ConnectionLost');
  });

  it('is not silent about a command that was asked to end, and of which nobody knows whether it did', async () => {
    const paused = await engine.run();
    const cli = startCli(['exec', '--json', '--kill-after', '1s', `docker:${paused.name}`, '--', 'sleep', '100009'], {
      env: engine.environment,
    });
    await waitFor(async () => (await processesIn(paused)).some(({ args }) => args === 'sleep 100009'), {
      what: 'the command to run',
    });
    await paused.freeze();
    cli.child.kill('SIGTERM');
    const result = resultOf(await cli.ended);
    await paused.unfreeze();
    expect(result).to.deep.include({ exitCode: 143, canceled: true, connectionLost: true, treeKill: false });
    expect(result.error?.code).to.equal('ConnectionLost');
    expect(result.error?.message).to.include('it is not known whether it did');
    await paused.destroy();
  });

  it('has the exit code of its end when its container is stopped meanwhile', async () => {
    const stopped = await engine.run();
    const cli = startCli(['exec', '--json', `docker:${stopped.name}`, '--', 'sleep', '100002'], {
      env: engine.environment,
    });
    await waitFor(async () => (await processesIn(stopped)).some(({ args }) => args === 'sleep 100002'), {
      what: 'the command to run',
    });
    await stopped.stop();
    expect(resultOf(await cli.ended)).to.deep.include({ exitCode: 137, started: true, error: null });
  });

  it('waits for a command that has closed its output', async () => {
    const script = 'exec >&- 2>&-; sleep 1; exit 7';
    const call = await runCli(['exec', '--json', `docker:${container.name}`, '--', 'sh', '-c', script], {
      env: engine.environment,
    });
    expect(resultOf(call)).to.deep.include({ exitCode: 7, error: null });
  });

  it('is told of before, where it cannot run', async () => {
    const idle = await engine.run();
    const codeNow = async (): Promise<unknown> => {
      const call = await runCli(['exec', '--json', `docker:${idle.name}`, '--', 'true'], { env: engine.environment });
      const { exitCode, started, error } = resultOf(call);
      return [exitCode, started, error?.code];
    };
    await idle.freeze();
    expect(await codeNow()).to.deep.equal([125, false, 'ContainerFrozen']);
    await idle.unfreeze();
    await idle.stop();
    expect(await codeNow()).to.deep.equal([125, false, 'ContainerNotRunning']);
    await idle.destroy();
    expect(await codeNow()).to.deep.equal([125, false, 'ContainerNotFound']);
  });
});
