/** Commands in a container of Podman, by the part of Docker's API that its service speaks. */
import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { needsPodman, startPodman } from '../../support/docker/podman.ts';
import type { TestPodman } from '../../support/docker/podman.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../../support/lxc.ts';
import { runCli, startCli } from '../contract/cli.ts';
import { resultOf } from '../contract/result.ts';

describe('docker, with the service of Podman', () => {
  let podman: TestPodman;
  let target: string;

  before(async function () {
    needsPodman(this);
    podman = await startPodman();
    target = `docker:${podman.container.name}`;
  });

  after(() => podman?.stop());

  const exec = async (flags: readonly string[], ...command: string[]): Promise<ReturnType<typeof resultOf>> =>
    resultOf(
      await runCli(['exec', '--json', ...flags, target, '--', ...command], { env: podman.environment, stdin: 'in' }),
    );

  it('runs a command with its streams, its environment, its user and its directory', async () => {
    const script = 'cat; echo $A $(id -u) $PWD >&2; exit 7';
    expect(await exec(['-e', 'A=b', '-u', '1000', '-w', '/tmp'], 'sh', '-c', script)).to.deep.include({
      exitCode: 7,
      stdout: 'in',
      stderr: 'b 1000 /tmp\n',
      started: true,
      treeKill: true,
      error: null,
    });
  });

  it('has the codes of what was killed, is not there, or is no program', async () => {
    expect((await exec([], 'sh', '-c', 'kill -9 $$')).exitCode).to.equal(137);
    expect((await exec([], 'no-such-command')).exitCode).to.equal(127);
    expect((await exec([], '/etc/passwd')).exitCode).to.equal(126);
  });

  it('knows of a user that there is not before it starts anything', async () => {
    const { exitCode, started, error } = await exec(['-u', 'nobody-such'], 'true');
    expect([exitCode, started, error?.code]).to.deep.equal([125, false, 'UserNotFound']);
  });

  it('gives a terminal in its size', async () => {
    const { stdout } = await exec(['-t'], 'sh', '-c', 'stty size');
    expect(stdout).to.equal('24 80\r\n');
  });

  it('leaves nothing after a timeout', async () => {
    const before = await snapshotProcesses(podman.container);
    const result = await exec(['--timeout', '2s'], 'sh', '-c', 'setsid sleep 100011 & sleep 100012');
    expect(result).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true });
    await assertNothingNew(podman.container, before);
  });

  it('leaves nothing when the program is killed', async () => {
    const before = await snapshotProcesses(podman.container);
    const words = ['exec', target, '--', 'sh', '-c', 'setsid sleep 100013 & sleep 100014'];
    const cli = startCli(words, { env: podman.environment });
    await waitFor(
      async () => {
        const all = (await processesIn(podman.container)).map(({ args }) => args);
        return all.includes('sleep 100013') && all.includes('sleep 100014');
      },
      { what: 'the command to run' },
    );
    process.kill(cli.pid, 'SIGKILL');
    await cli.ended;
    await assertNothingNew(podman.container, before);
  });

  it('takes and gives 8 MiB unchanged', async () => {
    const input = Buffer.alloc(8 * 1024 ** 2, randomBytes(1_000_003));
    const { stdout } = await runCli(['exec', target, '--', 'cat'], { env: podman.environment, stdin: input });
    expect(stdout.equals(input)).to.equal(true);
  });

  it('is listed, stopped and started', async () => {
    const call = async (...words: string[]): Promise<Record<string, unknown>> =>
      JSON.parse(
        (await runCli([...words, '--json'], { env: podman.environment })).stdout.toString(),
      ) as object as Record<string, unknown>;
    const { containers } = (await call('ps', '--filter', 'platform=docker')) as { containers: { reference: string }[] };
    expect(containers.map(({ reference }) => reference)).to.deep.equal([target]);
    expect(await call('stop', '--force', target)).to.deep.include({ status: 'stopped', changed: true });
    expect((await exec([], 'true')).error?.code).to.equal('ContainerNotRunning');
    expect(await call('start', target)).to.deep.include({ status: 'running', changed: true });
    expect((await exec([], 'true')).exitCode).to.equal(0);
  });
});
