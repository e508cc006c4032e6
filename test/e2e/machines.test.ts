/** Commands in virtual machines, by their QEMU guest agents: what the shared table of exec cannot show. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliOptions } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf, streamOf } from '../methods/contract/result.ts';
import { USERS } from '../proxmox/api/clients.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { contextEnvironment } from '../support/pve/api/context.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const MAX_INPUT = 65_536;

describe('virtual machines', () => {
  let cluster: Cluster;
  let env: Record<string, string>;
  let proxy: TcpProxy;
  let proxied: Record<string, string>;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      machines: [
        { vmid: 300, name: 'vm', node: 'pve2', running: true, kind: 'busybox' },
        { vmid: 301, name: 'windows', running: true, kind: 'busybox', os: 'mswindows' },
        { vmid: 302, name: 'bare', running: true, kind: 'noshell' },
        { vmid: 303, name: 'off' },
        { vmid: 304, name: 'agentless', running: true, agent: false },
        { vmid: 305, name: 'moving', running: true, lock: 'migrate' },
      ],
      users: {
        ...USERS,
        'ro@pve': { ...USERS['ro@pve'], tokens: { full: { secret: USERS['root@pam'].tokens.full.secret } } },
      },
      settings: { refusalMs: 300 },
    });
    env = contextEnvironment(cluster);
    proxy = await startTcpProxy('127.0.0.1', cluster.host('pve1').port);
    proxied = contextEnvironment(cluster, {}, { ...cluster.host('pve1'), port: proxy.port });
  });

  after(async () => {
    await proxy?.stop();
    await cluster?.close();
  });

  function words(flags: readonly string[], target: string, command: readonly string[]): string[] {
    return ['exec', '--method', 'guest-agent', ...flags, target, '--', ...command];
  }

  const exec = (target: string, flags: readonly string[], command: readonly string[], options: CliOptions = {}) =>
    runCli(words(flags, target, command), { env, ...options });

  const result = async (...call: Parameters<typeof exec>) => {
    const [target, flags, ...rest] = call;
    return resultOf(await exec(target, ['--json', ...flags], ...rest));
  };

  /** Commands that reached the guest's agent while something was done. */
  async function commandsOf(vmid: number, action: () => Promise<unknown>): Promise<number> {
    const { commands } = cluster.agent(vmid);
    const before = commands.length;
    await action();
    return commands.length - before;
  }

  it('run commands, by name, by VMID and by scheme', async () => {
    for (const target of ['vm:300', 'vm:vm', '300', 'vm']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const done = await exec(target, [], ['sh', '-c', 'echo out; echo err >&2; exit 42']);
      expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
    }
  });

  it('run commands without a method being named, where the context enables it', async () => {
    const routed = contextEnvironment(cluster, { routes: ['guest-agent'] });
    const call = ['exec', '--json', 'vm:300', '--', 'sh', '-c', 'echo out; exit 42'];
    const found = resultOf(await runCli(call, { env: routed }));
    expect(found).to.deep.include({ exitCode: 42, stdout: 'out\n', method: 'guest-agent' });
    expect(found.attempts.map(({ method }) => method)).to.deep.equal(['proxmox-api', 'guest-agent']);
  });

  it('tell the signal that ended a command', async () => {
    const found = await result('vm:300', [], ['sh', '-c', 'kill -SEGV $$']);
    expect(found).to.deep.include({ exitCode: 139, signal: 'SIGSEGV', method: 'guest-agent', started: true });
    expect(found.container).to.deep.equal({ id: '300', name: 'vm', platform: 'proxmox', node: 'pve2' });
  });

  it('tell a signal of real time, for which there is no name', async () => {
    const found = await result('vm:300', [], ['sh', '-c', 'kill -34 $$']);
    expect(found).to.deep.include({ exitCode: 162, signal: null, started: true, connectionLost: false });
  });

  it('end a command that has stopped', async () => {
    const found = await result('vm:300', ['--timeout', '1s', '--kill-after', '1s'], ['sh', '-c', 'kill -STOP $$']);
    expect(found).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true, connectionLost: false });
  });

  it('give a mebibyte of any bytes', async () => {
    const script = 'head -c 1048576 /dev/urandom >/tmp/random; cat /tmp/random; md5sum </tmp/random >&2';
    const found = await result('vm:300', [], ['sh', '-c', script]);
    const sum = createHash('md5').update(streamOf(found, 'stdout')).digest('hex');
    expect(found.stderr).to.equal(`${sum}  -\n`);
  });

  it('take as much input as the API does, and refuse more before anything starts', async () => {
    const input = randomBytes(MAX_INPUT);
    const found = await result('vm:300', [], ['cat'], { stdin: input });
    expect(streamOf(found, 'stdout').equals(input)).to.equal(true);
    const commands = await commandsOf(300, async () => {
      const refused = await result('vm:300', [], ['cat'], { stdin: Buffer.alloc(MAX_INPUT + 1) });
      expect(refused).to.deep.include({ exitCode: 125, started: false, method: null });
      expect(refused.error).to.deep.include({ code: 'UsageError' });
      expect(refused.error?.message).to.include('65536 bytes');
      expect(refused.attempts).to.have.length(1);
    });
    expect(commands).to.equal(0);
  });

  it('get the environment with the input, and on no command line', async () => {
    const secret = `secret-${randomBytes(8).toString('hex')}`;
    const script = 'cat; echo "$S"';
    const found = await result('vm:300', ['-e', `S=${secret}`], ['sh', '-c', script], { stdin: 'input\n' });
    expect(found.stdout).to.equal(`input\n${secret}\n`);
    expect(JSON.stringify(cluster.agent(300).commands)).not.to.include(secret);
    const rest = await result('vm:300', ['-e', `S=${secret}`], ['cat'], { stdin: Buffer.alloc(MAX_INPUT) });
    expect(rest.error?.code).to.equal('UsageError');
  });

  it('wait for the end of an input, and are given up before that', async () => {
    const commands = await commandsOf(300, async () => {
      const timedOut = await result('vm:300', ['--timeout', '500ms'], ['cat'], { stdin: OPEN });
      expect(timedOut).to.deep.include({ exitCode: 124, timedOut: true, started: false });
      cluster.requests.splice(0);
      const call = startCli(words(['--json'], 'vm:300', ['cat']), { env, stdin: OPEN });
      await waitFor(() => cluster.requests.some(({ path }) => path.endsWith('/qemu/300/status/current')), {
        what: 'the look at the machine',
      });
      call.child.kill('SIGINT');
      expect(resultOf(await call.ended)).to.deep.include({ exitCode: 130, canceled: true, started: false });
    });
    expect(commands).to.equal(0);
  });

  it('say that output was dropped', async () => {
    cluster.settings.agentOutputBytes = 1000;
    try {
      const command = ['sh', '-c', 'head -c 5000 /dev/zero | tr "\\0" x; exit 3'];
      expect(await result('vm:300', [], command)).to.deep.include({
        exitCode: 3,
        truncated: true,
        stdout: 'x'.repeat(1000),
      });
      const text = await exec('vm:300', [], command);
      expect([text.exitCode, text.stderr.toString()]).to.deep.equal([
        3,
        'proxmox-lxcri: the command wrote more than the way here takes: the rest of it was dropped\n',
      ]);
    } finally {
      cluster.settings.agentOutputBytes = 16 * 1024 * 1024;
    }
  });

  it('leave nothing of ours in the guest', async () => {
    const guest = cluster.container(300);
    const before = await snapshotProcesses(guest);
    await exec('vm:300', [], ['true']);
    await assertNothingNew(guest, before, 20_000);
    const { stdout } = await guest.attach(['sh', '-c', 'ls -A /dev/shm /run /tmp 2>/dev/null | grep lxcri']);
    expect(stdout).to.equal('');
  });

  it('say what is wrong before anything is started', async () => {
    for (const [target, code, part, ...flags] of [
      ['vm:302', 'NoMethodAvailable', '/usr/bin/env'],
      ['vm:303', 'ContainerNotRunning', 'proxmox-lxcri start'],
      ['vm:304', 'NoMethodAvailable', 'qm set 304 --agent 1'],
      ['vm:305', 'ContainerLocked', 'qm unlock 305'],
      ['vm:300', 'NoMethodAvailable', 'gives no terminal', '-t'],
      ['vm:999', 'ContainerNotFound', '999'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const done = await exec(target, flags, ['true']);
      expect(done.exitCode, target).to.equal(125);
      expect(expectErrorLine(done.stderr, code)).to.include(part);
    }
    const unasked = await runCli(['exec', 'vm:300', '--', 'true'], { env });
    expect(expectErrorLine(unasked.stderr, 'NoMethodAvailable')).to.include('--method guest-agent');
  });

  it('say what is wrong with an agent', async () => {
    const agent = cluster.agent(300);
    try {
      agent.state = 'stopped';
      expect(expectErrorLine((await exec('vm:300', [], ['true'])).stderr, 'NoMethodAvailable')).to.include(
        'start qemu-guest-agent',
      );
      agent.state = 'forbidden';
      expect(expectErrorLine((await exec('vm:300', [], ['true'])).stderr, 'NoMethodAvailable')).to.include(
        'allow guest-exec',
      );
      agent.state = 'running';
      agent.paused = true;
      expect(expectErrorLine((await exec('vm:300', [], ['true'])).stderr, 'ContainerFrozen')).to.include('qm resume');
    } finally {
      agent.state = 'running';
      agent.paused = false;
    }
    const reader = contextEnvironment(cluster, { token: 'ro@pve!full' });
    const denied = await exec('vm:300', [], ['true'], { env: reader });
    expect(expectErrorLine(denied.stderr, 'PermissionDenied')).to.include('VM.GuestAgent.Unrestricted on /vms/300');
  });

  it('are not asked twice when an answer does not come', async () => {
    const agent = cluster.agent(300);
    const guest = cluster.container(300);
    await guest.attach(['rm', '-f', '/tmp/silent']);
    agent.state = 'silent';
    try {
      const found = await result('vm:300', [], ['sh', '-c', 'echo ran >>/tmp/silent']);
      expect(found).to.deep.include({ exitCode: 255, connectionLost: true, started: true });
      expect(found.error?.code).to.equal('ConnectionLost');
    } finally {
      agent.state = 'running';
    }
    // It may be ended again before it came to that.
    expect((await guest.attach(['sh', '-c', 'cat /tmp/silent 2>/dev/null'])).stdout).to.be.oneOf(['ran\n', '']);
  });

  it('that are a Windows get plain words as they are, and nothing that cannot be done there', async () => {
    const done = await exec('vm:301', [], ['sh', '-c', 'echo "$0 $1"; cat; exit 5', 'a b', 'c'], { stdin: 'in' });
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([5, 'a b c\nin', '']);
    expect(await result('vm:301', [], ['no-such'])).to.deep.include({ exitCode: 127, treeKill: false });
    for (const [part, flags, ...command] of [
      ['--timeout', ['--timeout', '1m'], 'true'],
      ['--user', ['-u', 'app'], 'true'],
      ['-e', ['-e', 'A=1'], 'true'],
      ['--workdir', ['-w', '/tmp'], 'true'],
      ['plain characters', [], 'echo', ''],
      ['plain characters', [], 'echo', 'ä'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const refused = await exec('vm:301', flags, command);
      expect(expectErrorLine(refused.stderr, 'NoMethodAvailable'), part).to.match(
        new RegExp(`is a Windows: .*${part}`),
      );
    }
  });

  for (let point = 0; point < 20; point++) {
    it(`are never said to have succeeded, and run nothing twice, when the connection is cut (${point + 1})`, async () => {
      const guest = cluster.container(300);
      const before = await snapshotProcesses(guest);
      const mark = `/tmp/cut-${point}`;
      const marker = `sleep 1003${String(point).padStart(2, '0')}`;
      const isEndless = point % 4 === 3;
      const script = `echo ran >>${mark}; ${isEndless ? marker : 'sleep 0.2'}; exit 7`;
      const call = startCli(words(['--json'], 'vm:300', ['sh', '-c', script]), { env: proxied });
      await sleep(100 + Math.random() * 1200);
      const cutter = setInterval(() => proxy.cut(), 3);
      await sleep(Math.random() * 300);
      clearInterval(cutter);
      if (isEndless) {
        let ended = false;
        void call.ended.then(() => (ended = true));
        const runs = async (): Promise<boolean> => (await processesIn(guest)).some(({ args }) => args === marker);
        await waitFor(async () => ended || (await runs()), { what: 'an end, or a start' });
        call.child.kill('SIGTERM');
      }
      const found = resultOf(await call.ended);
      const { stdout } = await guest.attach(['sh', '-c', `cat ${mark} 2>/dev/null`]);
      const starts = stdout.split('\n').filter(Boolean).length;
      const own = isEndless ? 143 : 7;
      expect(found.exitCode).to.be.oneOf(isEndless ? [125, 143, 255] : [7, 125, 255]);
      expect(found.connectionLost).to.equal(found.exitCode === 255);
      if (found.exitCode === own) expect(starts).to.be.at.most(1);
      else expect(starts, `exit code ${found.exitCode}`).to.be.at.most(found.exitCode === 255 ? 1 : 0);
      if (found.exitCode === 7) expect(starts).to.equal(1);
      await assertNothingNew(guest, before, 20_000);
    });
  }
});
