/** `exec --lock`: runs that must not overlap, and what becomes of the lock when one ends badly. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';

import { expect } from 'chai';

import { LOCK_DIRECTORY } from '../../src/cli/exec-lock.ts';
import { childrenOf } from '../../src/process/proc.ts';
import { runCli, startCli } from '../methods/contract/cli.ts';
import type { RunningCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { assertNothingNew, processesMatching, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import { isRunning, processInfo } from '../support/proc.ts';

describe('exec --lock', () => {
  let container: Container;
  let former: ProcessSnapshot;
  let lock: string;
  let running: RunningCli[];
  let count = 0;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  beforeEach(async () => {
    // The locks are the host's: a name of our own for each test.
    lock = `plx-${process.pid}-${++count}`;
    running = [];
    former = await snapshotProcesses(container);
  });

  afterEach(async () => {
    for (const { pid, child } of running) if (child.exitCode === null && isRunning(pid)) child.kill('SIGKILL');
    rmSync(`${LOCK_DIRECTORY}/${lock}.lock`, { force: true });
    await assertNothingNew(container, former, 8000);
  });

  /** Starts a run with the test's lock. */
  function start(flags: readonly string[], ...command: string[]): RunningCli {
    const cli = startCli(['exec', '--lock', lock, ...flags, container.name, '--', ...command]);
    running.push(cli);
    return cli;
  }

  function isFree(): boolean {
    return spawnSync('flock', ['--nonblock', `${LOCK_DIRECTORY}/${lock}.lock`, 'true']).status === 0;
  }

  /** A run that has the lock, and goes on until it is told to end. */
  async function holder(flags: readonly string[] = [], script = 'echo started; sleep 600'): Promise<RunningCli> {
    const cli = start(flags, 'sh', '-c', script);
    await waitFor(() => cli.stdout().includes('started'), { what: 'the lock’s holder to run' });
    return cli;
  }

  /** Ends a holder in good order. */
  async function end(cli: RunningCli): Promise<void> {
    cli.child.kill('SIGTERM');
    await cli.ended;
  }

  async function waiter(...command: string[]): Promise<RunningCli> {
    const cli = start(['-v'], ...command);
    const said: Buffer[] = [];
    cli.child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    await waitFor(() => Buffer.concat(said).toString().includes(`lock ${lock}: waiting`), { what: 'a run to wait' });
    await waitFor(() => waitersOf(cli.pid).length === 1, { what: 'flock to wait' });
    return cli;
  }

  it('runs the command as ever, and leaves the lock free and its file empty', async () => {
    const { exitCode, stdout, stderr } = await start([], 'sh', '-c', 'echo out; echo err >&2; exit 7').ended;
    expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([7, 'out\n', 'err\n']);
    expect(isFree()).to.equal(true);
    expect(readFileSync(`${LOCK_DIRECTORY}/${lock}.lock`, 'utf8')).to.equal('');
  });

  it('may be had again at once', async () => {
    for (let turn = 0; turn < 10; turn++) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await start(['--if-locked', 'fail'], 'true').exited).exitCode, `turn ${turn}`).to.equal(0);
    }
  });

  it('lets only one of many run at a time', async () => {
    const script = 'mkdir /tmp/busy || exit 9; usleep 20000; rmdir /tmp/busy';
    const ended = await Promise.all(Array.from({ length: 12 }, () => start([], 'sh', '-c', script).ended));
    expect(ended.map(({ exitCode }) => exitCode)).to.deep.equal(ended.map(() => 0));
  });

  it('makes the second run wait, and sees the container as it is then', async () => {
    const first = await holder();
    const second = await waiter('cat', '/tmp/made-meanwhile');
    await container.attach(['sh', '-c', 'echo made >/tmp/made-meanwhile']);
    await end(first);
    const { exitCode, stdout } = await second.ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([0, 'made\n']);
  });

  it('skips the second run, silently and with exit code 0, if told so', async () => {
    const first = await holder();
    const { exitCode, stdout, stderr } = await start(['--if-locked', 'skip'], 'touch', '/tmp/ran').ended;
    expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([0, '', '']);
    const verbose = await start(['--if-locked', 'skip', '-v'], 'touch', '/tmp/ran').ended;
    expect(verbose.exitCode).to.equal(0);
    expect(verbose.stderr.toString()).to.match(/^proxmox-lxcri: lock .* was held by .*; nothing was started\n$/);
    const result = resultOf(await start(['--if-locked', 'skip', '--json'], 'touch', '/tmp/ran').ended);
    expect(result).to.include({ exitCode: 0, started: false, method: null });
    expect(result.error?.code).to.equal('LockHeld');
    expect((await container.attach(['test', '-e', '/tmp/ran'])).exitCode).to.equal(1);
    await end(first);
  });

  it('fails the second run if told so, and says who has the lock', async () => {
    const first = await holder();
    const { exitCode, stdout, stderr } = await start(['--if-locked', 'fail'], 'true').ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([125, '']);
    // Its launcher has become the program: the process is the one we started.
    expect(expectErrorLine(stderr, 'LockHeld')).to.include(`process ${first.pid} (container ${container.name}, since `);
    const result = resultOf(await start(['--if-locked', 'fail', '--json'], 'true').ended);
    expect([result.exitCode, result.started, result.error?.code]).to.deep.equal([125, false, 'LockHeld']);
    await end(first);
  });

  it('waits no longer than --lock-timeout', async () => {
    const first = await holder();
    const second = await start(['--lock-timeout', '300ms'], 'true').ended;
    expect(second.exitCode).to.equal(125);
    expect(second.durationMs).to.be.within(300, 20_000);
    expect(expectErrorLine(second.stderr, 'LockHeld')).to.include('was held for longer than 300ms by process');
    await end(first);
  });

  it('does not count the wait as part of --timeout', async () => {
    const afterWait = async (limitMs: number) => {
      const first = await holder([], `echo started; sleep ${limitMs / 1000 + 0.2}`);
      const second = await start(['--timeout', `${limitMs}ms`], 'true').ended;
      expect((await first.ended).exitCode).to.equal(0);
      return second.exitCode;
    };
    expect(await withLimit(800, afterWait, (exitCode) => exitCode === 0)).to.equal(0);
  });

  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const) {
    it(`ends a wait on ${signal} with ${expected}, and starts nothing`, async () => {
      const first = await holder();
      const second = await waiter('touch', '/tmp/ran-after-signal');
      second.child.kill(signal);
      const { exitCode, stderr } = await second.ended;
      expect(exitCode).to.equal(expected);
      expect(stderr.toString()).to.include(`${signal} ended the wait for lock ${lock}; nothing was started`);
      await end(first);
      expect(isFree()).to.equal(true);
      expect((await container.attach(['test', '-e', '/tmp/ran-after-signal'])).exitCode).to.equal(1);
    });
  }

  it('is not disturbed by USR1 while it waits', async () => {
    const first = await holder();
    const second = await waiter('echo', 'ran');
    second.child.kill('SIGUSR1');
    second.child.kill('SIGUSR2');
    await end(first);
    const { exitCode, stdout, stderr } = await second.ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([0, 'ran\n']);
    expect(stderr.toString()).not.to.match(/debugger/i);
  });

  it('reports a wait that was ended in JSON', async () => {
    const first = await holder();
    const second = start(['--json'], 'true');
    await waitFor(() => waitersOf(second.pid).length === 1, { what: 'the run to wait' });
    second.child.kill('SIGTERM');
    const result = resultOf(await second.ended);
    expect(result).to.include({ exitCode: 143, canceled: true, started: false, error: null });
    await end(first);
  });

  it('is not held by a daemon that the command leaves behind', async () => {
    const { exitCode } = await start([], 'sh', '-c', 'setsid sleep 1064 >/dev/null 2>&1 &').ended;
    expect(exitCode).to.equal(0);
    const daemons = await waitFor(async () => (await sleepers('1064')).length === 1 && sleepers('1064'), {
      what: 'the daemon to run',
    });
    expect(isFree()).to.equal(true);
    for (const { pid } of daemons) process.kill(pid, 'SIGKILL');
  });

  it('is not in the hands of the command', async () => {
    const script = 'for fd in /proc/self/fd/*; do readlink $fd; done';
    const { stdout } = await start([], 'sh', '-c', script).ended;
    expect(stdout.toString()).not.to.include(lock);
  });

  it('is free once the tree has ended when the CLI was killed, and not before', async () => {
    const first = await holder([], 'trap "" TERM HUP; setsid sleep 1065 & echo started; sleep 1065');
    const second = await waiter('sh', '-c', 'ps | grep "[s]leep 1065" || echo alone');
    const [watchdog = 0] = childrenOf(first.pid).filter((pid) => processInfo(pid)?.args.includes('-watchdog'));
    // Stopped, so that the test sees what is the case meanwhile.
    process.kill(watchdog, 'SIGSTOP');
    try {
      first.child.kill('SIGKILL');
      await first.exited;
      const third = await start(['--if-locked', 'fail'], 'true').ended;
      expect(expectErrorLine(third.stderr, 'LockHeld')).to.include(`what is left of process ${first.pid}`);
      expect(second.child.exitCode).to.equal(null);
    } finally {
      process.kill(watchdog, 'SIGCONT');
    }
    const { exitCode, stdout } = await second.ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([0, 'alone\n']);
  });

  it('is not left waiting for when the one who waits is killed', async () => {
    const first = await holder();
    const second = await waiter('true');
    const [flock = 0] = waitersOf(second.pid);
    expect(isRunning(flock)).to.equal(true);
    second.child.kill('SIGKILL');
    await waitFor(() => !isRunning(flock), { what: 'flock to be gone' });
    await end(first);
  });

  it('is taken before the container is looked at', async () => {
    const first = await holder();
    const words = ['exec', '--lock', lock, '--if-locked', 'skip', 'no-such-container', 'true'];
    const { exitCode } = await runCli(words);
    expect(exitCode).to.equal(0);
    await end(first);
    expectErrorLine((await runCli(words)).stderr, 'ContainerNotFound');
    expect(isFree()).to.equal(true);
  });

  async function sleepers(seconds: string) {
    return (await processesMatching(container, seconds)).filter(({ args }) => args === `sleep ${seconds}`);
  }

  /** The flock(1) processes that a run waits with; the one that only tries has a further option. */
  function waitersOf(pid: number): number[] {
    return childrenOf(pid).filter((child) => /^\S*flock --exclusive 3$/.test(processInfo(child)?.args ?? ''));
  }
});
