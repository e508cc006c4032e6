import { once } from 'node:events';

import { expect } from 'chai';

import { AttachedSession, helperOf } from '../../../src/methods/attach/session.ts';
import type { AttachedSessionParts } from '../../../src/methods/attach/session.ts';
import { newExecutionId } from '../../../src/oci/new-result.ts';
import { childrenOf } from '../../../src/process/proc.ts';
import { ProcessTree } from '../../../src/process/tree.ts';
import { newChildren } from '../../process/children.ts';
import { isRunning, processInfo } from '../../support/proc.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('a session with a local attaching program', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  /** A shell that starts the script in another shell, as lxc-attach starts a command, and passes its status on. */
  async function start(script: string, given: Partial<AttachedSessionParts> = {}) {
    const child = children.start('/bin/sh', ['-c', 'sh -c "$1"; exit $?', 'sh', script]);
    const tree = new ProcessTree(newExecutionId(), child.pid, true, process.pid);
    const released: string[] = [];
    const session = new AttachedSession({
      helper: helperOf(child, child.pid),
      tree,
      watchdog: { dismiss: () => Promise.resolve(void released.push('watchdog')) },
      stdin: null,
      stdout: null,
      stderr: null,
      resize: () => {},
      giveBack: () => void released.push('terminal'),
      judgeExit: (exitCode) => ({ kind: 'exited', exitCode, signal: null }),
      ...given,
    });
    return { session, child, tree, released };
  }

  async function sleeps(parent: number, seconds: string): Promise<void> {
    const find = (pid: number): boolean =>
      childrenOf(pid).some((each) => processInfo(each)?.args === `sleep ${seconds}` || find(each));
    await waitFor(() => find(parent), { what: `sleep ${seconds}` });
  }

  it('ends with the status that the program passes on', async () => {
    const { session } = await start('exit 42');
    expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 42, signal: null });
  });

  it('lets the status be judged by what the program logged', async () => {
    const { session } = await start('exit 1', { judgeExit: (code) => ({ kind: 'lost', reason: `judged ${code}` }) });
    expect(await session.exit).to.deep.equal({ kind: 'lost', reason: 'judged 1' });
  });

  it('is lost when the program itself is killed: its exit code is no status', async () => {
    const { session, child, tree } = await start('sleep 1091; :');
    await sleeps(child.pid, '1091');
    process.kill(child.pid, 'SIGKILL');
    const exit = await session.exit;
    expect(exit.kind).to.equal('lost');
    expect(exit).to.have.property('reason').that.includes('SIGKILL');
    expect(await session.kill()).to.equal(true);
    expect(tree.members()).to.deep.equal([]);
  });

  it('passes signals on: to the group, or to the command alone', async () => {
    const { session, child } = await start(`trap 'exit 7' TERM; trap 'exit 8' USR1; sleep 1092 & wait`);
    await sleeps(child.pid, '1092');
    session.signal('SIGUSR1');
    expect(await session.exit).to.deep.include({ exitCode: 8 });
    const sleeper = await start(`sleep 1093; exit 9`);
    await sleeps(sleeper.child.pid, '1093');
    expect(sleeper.tree.commandPid).to.be.a('number');
    sleeper.session.signal('SIGUSR2');
    // The command itself dies of it; its child does not.
    expect(await sleeper.session.exit).to.deep.include({ exitCode: 140 });
    expect(sleeper.tree.members().map(({ pid }) => processInfo(pid)?.args)).to.deep.equal(['sleep 1093']);
  });

  it('sends nothing once the command has ended', async () => {
    const { session, child, tree } = await start('sleep 1094 & exit 0');
    await once(child, 'exit');
    await session.exit;
    // The command may end before what it left has become sleep.
    await waitFor(() => tree.members().every(({ pid }) => processInfo(pid)?.args === 'sleep 1094'), {
      what: 'sleep 1094',
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) session.signal(signal);
    const left = tree.members().map(({ pid }) => pid);
    expect(left.map((pid) => processInfo(pid)?.args)).to.deep.equal(['sleep 1094']);
    expect(left.every((pid) => isRunning(pid))).to.equal(true);
  });

  it('kills what resists, and the program if it stays', async () => {
    const resisting = await start(`trap '' TERM INT HUP; while :; do sleep 1095; done`);
    await sleeps(resisting.child.pid, '1095');
    expect(await resisting.session.kill()).to.equal(true);
    expect(await resisting.session.exit).to.deep.include({ exitCode: 137 });

    const child = children.start('/bin/sh', ['-c', 'trap "" TERM; sleep 1096; exec <&-; while :; do sleep 0.05; done']);
    const tree = new ProcessTree(newExecutionId(), child.pid, true, undefined);
    tree.kill = () => Promise.resolve(true);
    const { session } = await start('exit 0', { helper: helperOf(child, child.pid), tree });
    await session.kill();
    expect(await session.exit).to.have.property('kind', 'lost');
    expect(isRunning(child.pid)).to.equal(false);
  });

  it('gives back the watchdog and the terminal', async () => {
    const { session, released } = await start('exit 0');
    await session.exit;
    expect(released).to.deep.equal([]);
    await session.release();
    expect(released).to.have.members(['watchdog', 'terminal']);
  });

  it('passes a new size on', async () => {
    const sizes: number[][] = [];
    const { session } = await start('exit 0', { resize: (...size) => void sizes.push(size) });
    session.resize(90, 20);
    await session.exit;
    expect(sizes).to.deep.equal([[90, 20]]);
  });
});
