/** Commands in a container of Podman, by the part of Docker's API that its service speaks. */
import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { needsPodman, startPodman } from '../../support/docker/podman.ts';
import type { TestPodman } from '../../support/docker/podman.ts';
import { runCli } from '../contract/cli.ts';
import { resultOf } from '../contract/result.ts';
import { itFollowsTheContract } from '../contract/run.ts';

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

  itFollowsTheContract({
    method: 'docker',
    reference: () => `docker:${podman.container.id}`,
    container: () => podman.container,
    environment: () => podman.environment,
    holdsOutput: true,
    platform: { container: 'podman' },
    only: [
      /^the streams are separate|^each stream keeps|^output may be|^an open input|not attached has ended/,
      /^a reader that goes away|^a child that keeps the output.*our own output|^a daemon of a command/,
      /^-t gives|^without -t/,
      /gives 12[67]|gives 137|^exit code (0|127)/,
      /^words arrive|^the environment is clean|^-e sets|^-e may have names|^-e replaces|^-e PATH/,
      /^-w may|^a -w that|^nothing ran when/,
      /^commands run as root|^-u /,
      /^a timeout ends what|^SIGTERM|^SIGQUIT|ignores the signal|^USR1|^nothing is left when/,
    ],
    // The runtime enters it before it becomes the user; the service ends the output with the command.
    gaps: ['entered-as-user', 'output-outlives'],
    inTurn: true,
    slowerByMs: 20_000,
    exceptions: { 'exact-bytes': /valid UTF-8/ },
  });

  it('tells a command that was never started from one that writes what Podman writes then', async () => {
    const words = 'Error: runc: exec failed: OCI permission denied';
    for (const flags of [[], ['-t']]) {
      const { exitCode, started, error } = await exec(flags, 'sh', '-c', `echo "${words}" >&2; exit 126`);
      expect([exitCode, started, error], flags.join()).to.deep.equal([126, true, null]);
    }
  });

  it('ends the output with the command, also where a child keeps it', async () => {
    const { exitCode, outputIncomplete, stdout } = await exec([], 'sh', '-c', 'sleep 100011 & echo $!; exit 3');
    await podman.container.attach(['kill', '-9', stdout.trim()]);
    expect([exitCode, outputIncomplete]).to.deep.equal([3, false]);
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
