/** What start and stop do with containers that take their time, and what they leave behind. */
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import type { RunningCli } from '../methods/contract/cli.ts';
import {
  assertNothingNew,
  createContainer,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { isRunning, processInfo } from '../support/proc.ts';
import { callJson, callText, expectFailure } from './verb-call.ts';

/** Ignores every signal that asks it to end. */
const STUBBORN = `#!/bin/bash
trap '' PWR TERM INT
echo up >/up
while :; do sleep 0.1; done
`;

/** A shell that never comes to running anything. */
const HANGING = '#!/bin/bash\nexec sleep 100000\n';

describe('start and stop', () => {
  const made: Container[] = [];

  async function make(options: Parameters<typeof createContainer>[0]): Promise<Container> {
    const container = await createContainer(options);
    made.push(container);
    return container;
  }

  async function stubborn(): Promise<Container> {
    const container = await make({
      kind: 'debian',
      files: { '/usr/sbin/stubborn': { content: STUBBORN, mode: 0o755 } },
      config: ['lxc.init.cmd = /usr/sbin/stubborn'],
    });
    await container.start();
    await waitFor(async () => (await container.attach(['cat', '/up'])).stdout === 'up\n', { what: 'its traps' });
    return container;
  }

  /** A hook of this host that waits until it is released, or the test is over. */
  function gate(): { script: string; release: () => void } {
    const directory = scratchDirectory();
    const script = join(directory, 'hook');
    writeFileSync(script, `#!/bin/sh\nwhile [ -d ${directory} ] && [ ! -e ${directory}/go ]; do sleep 0.02; done\n`);
    chmodSync(script, 0o755);
    return { script, release: () => writeFileSync(join(directory, 'go'), '') };
  }

  afterEach(async () => {
    for (const container of made.splice(0)) await container.destroy();
  });

  it('start --wait returns when a command can run: with systemd', async () => {
    const container = await make({ kind: 'systemd' });
    const started = await callJson(['start', '--wait', container.name]);
    expect(started.document, JSON.stringify(started.document)).to.include({ status: 'running', changed: true });
    const ran = await callText(['exec', container.name, '--', 'true']);
    expect(ran).to.deep.equal({ stdout: '', stderr: '', exitCode: 0 });
    const stopped = await callJson(['stop', container.name]);
    expect(stopped.document).to.include({ status: 'stopped', changed: true, forced: false });
  });

  it('start --wait returns when a command can run: without a shell', async () => {
    const container = await make({ kind: 'noshell' });
    expect(await callText(['start', '--wait', container.name])).to.include({ exitCode: 0, stderr: '' });
    expect(await callText(['start', '--wait', container.name])).to.include({
      exitCode: 0,
      stdout: `${container.name} already runs\n`,
    });
  });

  it('start --wait gives up when its time is over, and leaves nothing running', async () => {
    const container = await make({ kind: 'debian', files: { '/usr/bin/sh': { content: HANGING, mode: 0o755 } } });
    await container.start();
    const before = await snapshotProcesses(container);
    await expectFailure('json', ['start', '--wait', '--timeout', '1s', container.name], {
      code: 'ExecutionTimeout',
      says: /no command can run in container .* after 1000 ms; give it more time with --timeout/,
      exitCode: 124,
    });
    await assertNothingNew(container, before);
  });

  it('start says that a container has ended again at once', async () => {
    const container = await make({ kind: 'busybox', config: ['lxc.init.cmd = /bin/true'] });
    // Its init may still be seen running: that is a start like any other.
    let found = await callText(['start', container.name]);
    for (let tries = 1; found.exitCode === 0 && tries < 50; tries++) found = await callText(['start', container.name]);
    expect(found.exitCode).to.equal(125);
    expect(found.stderr).to.match(
      /^proxmox-lxcri: OperationFailed: .*was started, and ended again at once, or somebody stopped it; see what its init says: lxc-start -P \S+ -n \S+ -F\n$/,
    );
  });

  it('start does not wait longer than it is told to, and ps waits for no hook', async () => {
    const { script, release } = gate();
    const container = await make({ kind: 'busybox', config: [`lxc.hook.pre-start = ${script}`] });
    const cli = startCli(['start', container.name]);
    let second: ReturnType<typeof callJson> | undefined;
    try {
      await waitFor(() => childOf(cli, 'lxc-start'), { what: 'lxc-start' });
      await waitFor(() => hasMonitor(container), { what: 'the monitor' });
      second = callJson(['start', container.name]);
      const begin = performance.now();
      const { document } = await callJson(['ps', '-f', `id=${container.name}`]);
      expect(document['containers']).to.have.nested.property('[0].status', 'starting');
      expect(performance.now() - begin, 'duration of ps').to.be.below(20_000);
      for (const verb of ['ps', 'kill']) {
        await expectFailure('json', [verb, container.name], {
          code: 'ContainerNotRunning',
          says: /is starting: .*; wait for it with: proxmox-lxcri start --wait /,
        });
      }
    } finally {
      release();
    }
    expect((await cli.ended).exitCode).to.equal(0);
    expect((await second)?.document, 'who only waited').to.deep.include({ status: 'running', changed: false });
    expect(await container.state()).to.equal('RUNNING');

    await container.stop();
    const other = gate();
    writeFileSync(configOf(container), readFileSync(configOf(container), 'utf8').replace(script, other.script));
    await expectFailure('text', ['start', '--timeout', '500ms', container.name], {
      code: 'ExecutionTimeout',
      says: /not running, after 500 ms; give it more time with --timeout/,
      exitCode: 124,
    });
    other.release();
  });

  it('start waits for the end of a container that is just ending', async () => {
    const { script, release } = gate();
    const container = await make({ kind: 'busybox', config: [`lxc.hook.post-stop = ${script}`] });
    await container.start();
    const stop = startCli(['stop', '-f', container.name]);
    await waitFor(async () => (await container.state()) === 'STOPPED', { what: 'its init to end' });
    const { document } = await callJson(['ps', '-f', `id=${container.name}`]);
    expect(document['containers']).to.have.nested.property('[0].status', 'stopping');
    const start = startCli(['start', '--json', container.name]);
    // It must have seen the container as it is now.
    await waitFor(() => readdirSync(`/proc/${start.pid}/task`).length > 4, { what: 'the start to be under way' });
    release();
    expect((await stop.ended).exitCode).to.equal(0);
    expect((await start.ended).exitCode).to.equal(0);
    expect(await container.state()).to.equal('RUNNING');
  });

  it('two starts at once start it once', async () => {
    const container = await make({ kind: 'busybox' });
    const calls = await Promise.all([1, 2].map(() => callJson(['start', container.name])));
    expect(calls.map(({ exitCode }) => exitCode)).to.deep.equal([0, 0]);
    const pids = calls.map(({ document }) => document['pid']);
    expect(pids).to.deep.equal([await container.initPid(), await container.initPid()]);
  });

  it('stop kills what ignores it when the time is over, and not before', async () => {
    const container = await stubborn();
    const begin = performance.now();
    const { document, exitCode } = await callJson(['stop', '--timeout', '2s', container.name]);
    expect(performance.now() - begin).to.be.within(2000, 40_000);
    expect(document).to.include({ status: 'stopped', pid: null, changed: true, forced: true });
    expect(exitCode).to.equal(0);
    expect(await container.state()).to.equal('STOPPED');
  });

  it('stop is content when somebody else has stopped the container meanwhile', async () => {
    const container = await stubborn();
    const cli = startCli(['stop', '--json', container.name]);
    await waitFor(() => childOf(cli, 'lxc-stop'), { what: 'lxc-stop' });
    await container.stop();
    const { stdout, exitCode } = await cli.ended;
    expect(JSON.parse(stdout.toString())).to.include({ status: 'stopped', changed: true, forced: false });
    expect(exitCode).to.equal(0);
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} ends stop and what it has started; the container runs on`, async () => {
      const container = await stubborn();
      const cli = startCli(['stop', container.name]);
      const helper = await waitFor(() => childOf(cli, 'lxc-stop'), { what: 'lxc-stop' });
      process.kill(cli.pid, signal);
      const done = await cli.ended;
      expect(done.exitCode).to.equal({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
      expect(done.stderr.toString() + done.stdout.toString()).to.equal('');
      expect(isRunning(helper)).to.equal(false);
      expect(await container.state()).to.equal('RUNNING');
    });
  }

  it('SIGINT ends start --wait and the command that it tries', async () => {
    const container = await make({ kind: 'debian', files: { '/usr/bin/sh': { content: HANGING, mode: 0o755 } } });
    await container.start();
    const before = await snapshotProcesses(container);
    const cli = startCli(['start', '--wait', container.name]);
    const helper = await waitFor(() => childOf(cli, 'lxc-attach'), { what: 'lxc-attach' });
    process.kill(cli.pid, 'SIGINT');
    expect((await cli.ended).exitCode).to.equal(130);
    await waitFor(() => !isRunning(helper), { what: 'lxc-attach to end' });
    await assertNothingNew(container, before);
  });

  it('nothing of the caller reaches a container that is started: variables, descriptors, file mode mask', async () => {
    const container = await make({ kind: 'busybox' });
    const secret = 'hunter2-of-the-caller';
    const lock = openSync(join(scratchDirectory(), 'lock'), 'w');
    // As a lock of cron's that a descriptor holds: 30 is above those that Node closes itself.
    const script = 'umask 0077; exec 30>&3; exec "$0" start "$1"';
    execFileSync('bash', ['-c', script, CLI, container.name], {
      env: { PATH: '/usr/bin:/bin', SECRET: secret, LXC_TRACE: secret, LD_AUDIT: '' },
      stdio: ['ignore', 'ignore', 'inherit', lock],
    });
    const init = await container.initPid();
    const monitor = processInfo(init)?.parent ?? 0;
    const file = readlinkSync(`/proc/self/fd/${lock}`);
    closeSync(lock);
    for (const pid of [init, monitor]) {
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.to.include(secret);
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      expect(open).not.to.include(file);
      expect(open.filter((target) => target.startsWith('pipe:'))).to.deep.equal([]);
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).to.match(/^Umask:\s+0022$/m);
    }
    expect(readFileSync(`/proc/${init}/environ`, 'utf8').split('\0').filter(Boolean)).to.deep.equal(['container=lxc']);
  });

  it('cron can start, list and stop: no HOME, a short PATH, no terminal, no standard input', async () => {
    const container = await make({ kind: 'busybox' });
    const shell = (line: string) =>
      run(['env', '-i', 'PATH=/usr/bin:/bin', 'sh', '-c', line, CLI, container.name], { cwd: '/' });
    expect(await shell('"$0" start "$1" <&-')).to.include({ exitCode: 0, stdout: `${container.name} started\n` });
    expect(await shell('"$0" ps -q -f "name=^$1$" <&-')).to.include({ exitCode: 0, stdout: `${container.name}\n` });
    expect(await shell('"$0" stop -f "$1" <&-')).to.include({ exitCode: 0, stderr: '' });
    expect(await container.state()).to.equal('STOPPED');
  });

  it('who is not root is told what to type', async () => {
    const container = await startContainer({ kind: 'busybox' });
    made.push(container);
    // The right to read is for this checkout only, which may stand in a place of root's.
    const nobody = (...words: string[]) =>
      run(
        [
          'setpriv',
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          '--inh-caps=+dac_read_search',
          '--ambient-caps=+dac_read_search',
          CLI,
          ...words,
        ],
        { cwd: '/' },
      );
    for (const words of [
      ['ps', '-q', '-f', 'status=running'],
      ['start', '--wait', container.name],
      ['stop', '-f', container.name],
      ['kill', container.name, 'HUP'],
      ['state', container.name],
      ['enter', '-u', 'www-data', container.name],
    ]) {
      const answer = await nobody(...words);
      expect(answer.exitCode).to.equal(125);
      expect(answer.stdout).to.equal('');
      expect(answer.stderr).to.match(/^proxmox-lxcri: PermissionDenied: .*; run: sudo proxmox-lxcri .*\n$/);
      expect(answer.stderr).to.include(`; run: sudo proxmox-lxcri ${words.join(' ')}\n`);
    }
    expect(await container.state()).to.equal('RUNNING');
  });

  it('an answer that cannot be written is no success', async () => {
    const container = await make({ kind: 'busybox' });
    for (const words of [
      'ps',
      'ps --json',
      `state ${container.name}`,
      `stop ${container.name}`,
      'ps --help',
      '--version',
    ]) {
      for (const target of ['>&-', '>/dev/full']) {
        const answer = await run(['sh', '-c', `"$0" ${words} ${target}`, CLI], { cwd: '/' });
        expect(answer.exitCode, `${words} ${target}`).to.equal(255);
        expect(answer.stderr).to.match(
          /^proxmox-lxcri: ConnectionLost: the result could not be written \([^\n]+\); see where standard output goes\n$/,
        );
      }
    }
  });

  it('a reader that has seen enough is no error', async () => {
    const { exitCode, stderr } = await runCli(['ps', '--json'], { pipedTo: 'true' });
    expect(stderr.toString()).to.equal('');
    expect(exitCode).to.be.oneOf([0, 141]);
  });
});

function configOf({ lxcpath, name }: Container): string {
  return join(lxcpath, name, 'config');
}

/** The pid of the CLI's child with this program's name, once it has become that. */
function childOf({ pid }: RunningCli, program: string): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.find((child) => processInfo(child)?.args.split(' ')[0]?.endsWith(`/${program}`));
}

function hasMonitor({ lxcpath, name }: Container): boolean {
  return readFileSync('/proc/net/unix', 'utf8').includes(`@${lxcpath}/${name}/command`);
}
