import { expect } from 'chai';

import { newExecutionId } from '../../src/oci/new-result.ts';
import { childrenOf, readProcess } from '../../src/process/proc.ts';
import { withTimerSlack } from '../../src/process/timer-slack.ts';
import { ProcessTree, TAG_VARIABLE } from '../../src/process/tree.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { isRunning, processInfo } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

function argsOf(tree: ProcessTree): string[] {
  return tree
    .members()
    .map(({ pid }) => processInfo(pid)?.args ?? '')
    .toSorted();
}

describe('the tree of a command in a container', () => {
  const children = newChildren();
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  afterEach(() => children.endAll());

  /** Attaches a shell, as a method does; it begins with the script once the tree knows of it. */
  async function attach(
    script: string,
  ): Promise<{ tree: ProcessTree; helper: number; exited: Promise<unknown>; id: string }> {
    const id = newExecutionId();
    const { name, lxcpath } = container;
    const helper = withTimerSlack(id, () =>
      children.start(
        'lxc-attach',
        [
          '-n',
          name,
          '-P',
          lxcpath,
          '--clear-env',
          `--keep-var=${TAG_VARIABLE}`,
          '--',
          'sh',
          '-c',
          `read go; ${script}`,
        ],
        { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/', env: { PATH: process.env['PATH'], [TAG_VARIABLE]: id } },
      ),
    );
    const exited = new Promise((resolve) => helper.on('exit', (code, signal) => resolve(signal ?? code)));
    const tree = new ProcessTree(id, helper.pid, true, await container.initPid());
    // Asked before, the tree could take the attaching program's passing child for the command.
    await waitFor(() => childrenOf(helper.pid).some((pid) => processInfo(pid)?.args.startsWith('sh -c')), {
      what: 'the shell',
    });
    void tree.commandPid;
    helper.stdin?.end('go\n');
    return { tree, helper: helper.pid, exited, id };
  }

  async function holds(tree: ProcessTree, ...wanted: string[]): Promise<void> {
    await waitFor(() => wanted.every((args) => argsOf(tree).includes(args)), {
      what: `${wanted.join(', ')} in the tree`,
    });
  }

  it('knows the command itself, by its number on this host', async () => {
    const { tree, exited } = await attach('exec sleep 1031');
    await holds(tree, 'sleep 1031');
    expect(argsOf(tree)).to.deep.equal(['sleep 1031']);
    expect(processInfo(tree.commandPid ?? 0)?.args).to.equal('sleep 1031');
    tree.signalCommand('SIGTERM');
    expect(await exited).to.equal(143);
    expect(tree.members()).to.deep.equal([]);
  });

  it('ends what has shed its parents, its session, its environment and its name', async () => {
    const { tree, exited } = await attach(
      `sleep 1032 & (sleep 1033 &) ; (setsid sleep 1034 &); (setsid env -i setsid sleep 1035 &); (setsid env -i sh -c 'sh -c "sleep 1036; :" & exit' &) ; trap '' TERM; wait; sleep 1037; :`,
    );
    await holds(tree, 'sleep 1032', 'sleep 1033', 'sleep 1034', 'sleep 1035', 'sleep 1036');
    const members = tree.members().map(({ pid, startTime }) => ({ pid, startTime: String(startTime) }));
    expect(await tree.kill()).to.equal(true);
    expect(await exited).to.equal(137);
    expect(members.filter(({ pid, startTime }) => isRunning(pid, startTime))).to.deep.equal([]);
    expect(tree.members()).to.deep.equal([]);
  });

  it('is found again after the attaching program has died', async () => {
    const { tree, helper } = await attach(`(setsid env -i sleep 1038 &) ; sleep 1039; :`);
    await holds(tree, 'sleep 1038', 'sleep 1039');
    process.kill(helper, 'SIGKILL');
    await waitFor(() => readProcess(helper) === undefined, { what: 'the death of the attaching program' });
    expect(argsOf(tree)).to.include('sleep 1038');
    expect(await tree.kill()).to.equal(true);
    expect(tree.members()).to.deep.equal([]);
  });

  it('holds nothing of another execution, nor of the container itself', async () => {
    const one = await attach('sleep 1040 & (setsid env -i sleep 1041 &); wait');
    const other = await attach('sleep 1042 & (setsid env -i sleep 1043 &); wait');
    await holds(one.tree, 'sleep 1040', 'sleep 1041');
    await holds(other.tree, 'sleep 1042', 'sleep 1043');
    expect(argsOf(one.tree).filter((args) => /104[23]/.test(args) && !args.startsWith('sh'))).to.deep.equal([]);
    expect(await one.tree.kill()).to.equal(true);
    await holds(other.tree, 'sleep 1042', 'sleep 1043');
    expect(await container.running()).to.equal(true);
    expect(await other.tree.kill()).to.equal(true);
  });

  it('passes a terminal’s signals on to the whole group of the command, and to nobody else', async () => {
    const { tree, exited } = await attach(`setsid sleep 1044 & sleep 1045; exit 5`);
    await holds(tree, 'sleep 1044', 'sleep 1045');
    tree.signalCommandGroup('SIGINT');
    // A shell whose child died of the interrupt dies of it, too.
    expect(await exited).to.equal(130);
    await waitFor(() => argsOf(tree).join() === 'sleep 1044', { what: 'only what left the group to be there' });
    expect(await tree.kill()).to.equal(true);
  });

  it('passes USR1 on to the command alone', async () => {
    const { tree, exited } = await attach(`trap 'exit 9' USR1; sleep 1046 & wait`);
    await holds(tree, 'sleep 1046');
    tree.signalCommand('SIGUSR1');
    expect(await exited).to.equal(9);
    expect(argsOf(tree)).to.deep.equal(['sleep 1046']);
    expect(await tree.kill()).to.equal(true);
  });
});

describe('the tree of a command that an engine has started', () => {
  const children = newChildren();
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  afterEach(() => children.endAll());

  /** Runs a script in the container as an engine would: without any mark of ours, its output in a pipe. */
  async function begin(script: string, further: NodeJS.ProcessEnv = {}) {
    const id = newExecutionId();
    const { name, lxcpath } = container;
    // The cat is who reads the pipe; it is outside.
    const line = 'lxc-attach -n "$1" -P "$2" --clear-env --keep-var=TAG -- sh -c "$3" 2>&1 <&0 | cat >/dev/null';
    const command = line.replace('TAG', TAG_VARIABLE);
    const env = { PATH: process.env['PATH'], ...further };
    const mark = `: ${id}; read go; ${script}`;
    const helper = children.start('sh', ['-c', command, 'sh', name, lxcpath, mark], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env,
    });
    const initPid = await container.initPid();
    const pid = await waitFor(
      async () => (await container.pids()).find((each) => processInfo(each)?.args.startsWith(`sh -c : ${id}`)),
      { what: 'the command' },
    );
    return { id, pid, initPid, go: () => helper.stdin?.end('go\n') };
  }

  it('is found by its mark and its pipes, also what has shed its parents, its session and its environment', async () => {
    const { id, pid, initPid, go } = await begin(
      `(setsid env -i sh -c 'sleep 1081; :' &) ; setsid env -i sleep 1082 >/dev/null 2>&1 & sleep 1083; :`,
    );
    const tree = ProcessTree.ofCommand(id, pid, initPid);
    expect(tree.commandPid).to.equal(pid);
    go();
    await waitFor(() => ['sleep 1081', 'sleep 1082', 'sleep 1083'].every((args) => argsOf(tree).includes(args)), {
      what: 'all of the tree',
    });
    expect(tree.holdsOutput()).to.equal(true);
    expect(await tree.kill()).to.equal(true);
    expect(tree.commandPid).to.equal(undefined);
    expect(await container.running()).to.equal(true);
  });

  it('has let go of its output when it has closed it', async () => {
    const { id, pid, initPid, go } = await begin('exec >/dev/null 2>&1; sleep 1084; :');
    const tree = ProcessTree.ofCommand(id, pid, initPid);
    expect(tree.holdsOutput()).to.equal(true);
    go();
    await waitFor(() => argsOf(tree).includes('sleep 1084'), { what: 'the command to go on' });
    await waitFor(() => !tree.holdsOutput(), { what: 'its output to be closed' });
    expect(await tree.kill()).to.equal(true);
  });

  it('is what bears its tag, where the command itself has ended', async () => {
    const tag = newExecutionId();
    const bystander = await begin('sleep 1085; :');
    const { initPid, go } = await begin('(setsid sleep 1086 &) ; exit', { [TAG_VARIABLE]: tag });
    go();
    const tree = ProcessTree.ofCommand(tag, 0, initPid);
    expect(tree.commandPid).to.equal(undefined);
    await waitFor(() => argsOf(tree).includes('sleep 1086'), { what: 'what is left of it' });
    expect(await tree.kill()).to.equal(true);
    expect(tree.members()).to.deep.equal([]);
    expect(isRunning(bystander.pid)).to.equal(true);
  });
});

describe('the tree of a command on this host', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  it('is found by descent, and never holds this process or its other children', async () => {
    const bystander = children.start('sleep', ['1050']);
    const helper = children.start('/bin/sh', ['-c', 'sh -c "sleep 1051 & setsid sleep 1052 & wait"; :']);
    const tree = new ProcessTree(newExecutionId(), helper.pid, true, undefined);
    await waitFor(() => argsOf(tree).includes('sleep 1051') && argsOf(tree).includes('sleep 1052'), {
      what: 'the tree',
    });
    expect(tree.members().map(({ pid }) => pid)).not.to.include.members([process.pid, bystander.pid, helper.pid]);
    expect(await tree.kill()).to.equal(true);
    expect(isRunning(bystander.pid)).to.equal(true);
  });

  it('is not that of another process with the number of the attaching program', async () => {
    // As after the number was used again: the tree was made for a process that is no more.
    const gone = children.start('/bin/true', []);
    await new Promise((resolve) => gone.on('exit', resolve));
    const tree = new ProcessTree(newExecutionId(), gone.pid, false, undefined);
    expect(tree.members()).to.deep.equal([]);
    expect(await tree.kill()).to.equal(true);
    tree.signalCommand('SIGKILL');
    tree.signalCommandGroup('SIGKILL');
  });
});
