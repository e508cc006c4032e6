/** Commands in a guest with a kernel of its own, over real vsock: what the table of exec (methods/contract) has not. */
import { expect } from 'chai';

import { createRuntime } from '../../src/index.ts';
import { processesIn } from '../support/lxc.ts';
import { OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliResult, RunningCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { needsMicroVm } from '../support/microvm/needs.ts';
import { startObservedMicroVm } from '../support/microvm/observed.ts';
import type { ObservedMicroVm } from '../support/microvm/observed.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { guestAgent } from '../../scripts/guest-agent.ts';
import { waitFor } from '../support/wait-for.ts';

/** A guest is slow: it is an ordinary program, whose every system call is another one's. */
const SLOW = { timeoutMs: 60_000, intervalMs: 100 };

describe('a microVM', () => {
  let guest: ObservedMicroVm;
  let reference: string;
  let sleeps = 200_000;

  before(async function () {
    needsMicroVm(this);
    guest = await startObservedMicroVm({ agent: guestAgent() });
    reference = `vsock:${guest.hybridSocket}`;
  });

  after(() => guest?.stop());

  function exec(...words: string[]): Promise<CliResult> {
    return runCli(['exec', ...words]);
  }

  /** So long that it does not end by itself, and unlike any other. */
  function sleeper(): string {
    return `sleep ${sleeps++}`;
  }

  /** How often this runs in the guest. */
  async function count(commandLine: string): Promise<number> {
    return (await processesIn(guest.inside)).filter(({ args }) => args === commandLine).length;
  }

  async function appears(commandLine: string): Promise<void> {
    await waitFor(async () => (await count(commandLine)) > 0, { what: `${commandLine} to run`, ...SLOW });
  }

  async function vanishes(commandLine: string): Promise<void> {
    await waitFor(async () => (await count(commandLine)) === 0, { what: `${commandLine} to end`, ...SLOW });
  }

  it('is known by its socket, and has one method', async () => {
    const { method, container } = resultOf(await exec('--json', reference, '--', 'true'));
    expect([method, container]).to.deep.equal([
      'vsock',
      { id: guest.hybridSocket, name: guest.hybridSocket, platform: 'microvm' },
    ]);
  });

  it('passes output on as it is produced', async () => {
    const cli = startCli(['exec', reference, '--', 'sh', '-c', 'echo first; read -r line; echo "got $line"'], {
      stdin: OPEN,
    });
    await waitFor(() => cli.stdout().toString() === 'first\n', { what: 'the first line', ...SLOW });
    cli.child.stdin?.end('it\n');
    const { exitCode, stdout } = await cli.ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([0, 'first\ngot it\n']);
  });

  it('gives a terminal, and tells it of a new size', async () => {
    const session = createRuntime().exec(
      reference,
      ['sh', '-c', "trap 'stty size; exit 7' WINCH; stty size; while :; do sleep 0.1; done"],
      { terminal: { columns: 100, rows: 30 }, stdout: 'pipe' },
    );
    let seen = '';
    session.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await waitFor(() => seen.includes('30 100'), { what: 'the first size', ...SLOW });
    session.resize(120, 40);
    const { exitCode } = await session;
    expect([exitCode, seen]).to.deep.equal([7, '30 100\r\n40 120\r\n']);
  });

  it('runs 20 commands at the same time, over one connection', async () => {
    const runtime = createRuntime();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => runtime.exec(reference, ['sh', '-c', `echo ${index}; exit ${index}`])),
    );
    expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).to.deep.equal(
      Array.from({ length: 20 }, (_, index) => [index, `${index}\n`]),
    );
  });

  it('runs a command detached, which is found again and ended', async () => {
    const state = { PROXMOX_LXCRI_STATE_DIR: scratchDirectory() };
    const hold = sleeper();
    const started = await runCli(['exec', '-d', reference, '--', 'sh', '-c', `echo begun; ${hold}`], { env: state });
    const id = started.stdout.toString().trim();
    await appears(hold);
    expect((await runCli(['kill', id], { env: state })).exitCode).to.equal(0);
    const ended = resultOf(await runCli(['result', id, '--wait', '--json'], { env: state }));
    expect([ended.stdout, ended.canceled]).to.deep.equal(['begun\n', true]);
    await vanishes(hold);
  });

  it('has a state, and is not started or stopped from here', async () => {
    const state = JSON.parse((await runCli(['state', '--json', reference])).stdout.toString()) as Record<
      string,
      unknown
    >;
    expect(state).to.deep.include({ id: guest.hybridSocket, status: 'running' });
    const stopped = await runCli(['stop', reference]);
    expect(stopped.exitCode).to.equal(125);
    expect(stopped.stderr.toString()).to.match(
      /NoMethodAvailable: .* started and stopped by what manages it; use its VMM/,
    );
    const elsewhere = await exec(`${reference}:2223`, '--', 'true');
    expect(elsewhere.exitCode).to.equal(125);
    expect(elsewhere.stderr.toString()).to.contain('no agent listens on port 2223');
  });

  it('that is killed in the middle of a command is a lost connection, and never a success', async () => {
    const hold = sleeper();
    const before: RunningCli[] = [];
    for (const flags of [[], ['--json']]) before.push(startCli(['exec', ...flags, reference, '--', 'sh', '-c', hold]));
    await waitFor(async () => (await count(hold)) === 2, { what: 'both commands to run', ...SLOW });
    await guest.kill();
    const [plain, json] = await Promise.all(before.map(({ ended }) => ended));
    expect(plain?.exitCode).to.equal(255);
    expect(plain?.stderr.toString()).to.contain('ConnectionLost');
    const result = json === undefined ? undefined : resultOf(json);
    expect(result).to.deep.include({ exitCode: 255, started: true, connectionLost: true });
    const after = await exec('--json', reference, '--', 'true');
    const { exitCode, error } = resultOf(after);
    expect(exitCode).to.equal(125);
    expect(error?.code).to.be.oneOf(['ContainerNotFound', 'ContainerNotRunning']);
  });
});
