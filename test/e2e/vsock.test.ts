/** Commands in a guest with a kernel of its own, over real vsock. */
import { expect } from 'chai';

import { createRuntime } from '../../src/index.ts';
import type { ExecResult } from '../../src/index.ts';
import { OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliResult, RunningCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { startMicroVm } from '../support/microvm/microvm.ts';
import type { MicroVm } from '../support/microvm/microvm.ts';
import { needsMicroVm } from '../support/microvm/needs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { guestAgent } from '../../scripts/guest-agent.ts';
import { waitFor } from '../support/wait-for.ts';

/** A guest is slow: it is an ordinary program, whose every system call is another one's. */
const SLOW = { timeoutMs: 60_000, intervalMs: 100 };

describe('a microVM', () => {
  let guest: MicroVm;
  let reference: string;
  let sleeps = 200_000;

  before(async function () {
    needsMicroVm(this);
    guest = await startMicroVm({ agent: guestAgent() });
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

  /** The command lines in the guest. */
  async function running(): Promise<string> {
    return (await exec(reference, '--', 'ps', '-o', 'args')).stdout.toString();
  }

  async function appears(commandLine: string): Promise<void> {
    await waitFor(async () => (await running()).includes(commandLine), { what: `${commandLine} to run`, ...SLOW });
  }

  async function vanishes(commandLine: string): Promise<void> {
    await waitFor(async () => !(await running()).includes(commandLine), { what: `${commandLine} to end`, ...SLOW });
  }

  it('runs a command, whose streams and exit code come through', async () => {
    const { exitCode, stdout, stderr } = await exec(reference, '--', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
  });

  it('runs it as it is asked to', async () => {
    const script = 'echo "$(id -un) $(id -G) $PWD $A"; cat; kill -KILL $$';
    const call = await runCli(
      ['exec', '--json', '-u', 'app', '-w', '/tmp', '-e', 'A=1', reference, '--', 'sh', '-c', script],
      { stdin: 'input' },
    );
    const result = resultOf(call);
    expect(result).to.deep.include({
      stdout: 'app 1000 2000 2001 /tmp 1\ninput',
      exitCode: 137,
      signal: 'SIGKILL',
      method: 'vsock',
      treeKill: true,
      error: null,
    });
    expect(result.container).to.deep.equal({
      id: guest.hybridSocket,
      name: guest.hybridSocket,
      platform: 'microvm',
    });
  });

  it('refuses before the start what cannot be', async () => {
    const codes: unknown[] = [];
    for (const words of [
      ['--', 'no-such-command'],
      ['--', '/etc'],
      ['-u', 'nobody-like-this', '--', 'true'],
      ['-w', '/no/such', '--', 'true'],
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { exitCode, error, started } = resultOf(await exec('--json', reference, ...words));
      codes.push([exitCode, error?.code, started]);
    }
    expect(codes).to.deep.equal([
      [127, 'CommandNotFound', false],
      [126, 'CommandNotExecutable', false],
      [125, 'UserNotFound', false],
      [125, 'WorkdirNotFound', false],
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

  it('carries data both ways unchanged', async () => {
    const data = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7919) % 251));
    const { exitCode, stdout } = await runCli(['exec', reference, '--', 'cat'], { stdin: data });
    expect([exitCode, stdout.equals(data)]).to.deep.equal([0, true]);
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

  it('has nothing left of a command after a timeout', async () => {
    const [first, second] = [sleeper(), sleeper()];
    const script = `(env -i setsid ${first} &); ${second}`;
    const outcome = async (limit: string): Promise<ExecResult> =>
      resultOf(await exec('--json', '--timeout', limit, reference, '--', 'sh', '-c', script));
    let result = await outcome('3s');
    // On a busy machine a slow guest may need more to start it at all.
    if (!result.started) result = await outcome('30s');
    expect([result.exitCode, result.timedOut, result.treeKill]).to.deep.equal([124, true, true]);
    const left = await running();
    expect([left.includes(first), left.includes(second)]).to.deep.equal([false, false]);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    it(`has nothing left of a command after ${signal} to the client`, async () => {
      const [first, second] = [sleeper(), sleeper()];
      const cli = startCli(['exec', reference, '--', 'sh', '-c', `setsid ${first} & ${second}`]);
      await appears(first);
      await appears(second);
      cli.child.kill(signal);
      const { exitCode } = await cli.ended;
      expect(exitCode).to.equal(signal === 'SIGTERM' ? 143 : null);
      await vanishes(first);
      await vanishes(second);
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
    await appears(hold);
    await waitFor(async () => (await running()).split(hold).length > 2, { what: 'both commands to run', ...SLOW });
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
