/** The connection to a node is lost: the command is never run twice, never said to have succeeded, and nothing of it is left. */
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { programsOnNodes } from '../support/pve/remote-programs.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { startCli } from '../methods/contract/cli.ts';
import type { CliResult, RunningCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { startProxiedNode } from './proxied-node.ts';
import type { ProxiedNode } from './proxied-node.ts';

const VMID = 500_000_000 + (process.pid % 100_000_000);

describe('a lost connection to a node', () => {
  let node: ProxiedNode;
  let cluster: SshCluster;
  let container: Container;
  let proxy: TcpProxy;
  let runs = 0;

  before(async () => {
    node = await startProxiedNode(VMID);
    ({ cluster, container, proxy } = node);
  });

  after(() => node.stop());

  const sshdPid = (): number => cluster.nodes.get('pve2')?.sshd.pid ?? 0;

  /** On a loaded machine. */
  const PATIENTLY = { timeoutMs: 50_000 };

  /** Whether the tree has ended is known if the node could be asked in time. */
  function expectLost(ended: CliResult): void {
    const result = resultOf(ended);
    expect(result).to.deep.include({ exitCode: 255, started: true, connectionLost: true });
    expect(result.error?.code).to.equal('ConnectionLost');
    if (ended.durationMs < 10_000) expect(result.treeKill).to.equal(true);
  }

  /** A command that says that it runs, where that can be counted, and never ends. */
  function start(flags: readonly string[] = []): { cli: RunningCli; mark: string; starts: () => Promise<number> } {
    runs += 1;
    const mark = `/tmp/ran-${runs}`;
    const script = `echo ran >>${mark}; setsid sleep 30000${runs} & sleep 40000${runs}`;
    const cli = startCli(
      ['exec', '--json', ...flags, '--method', 'lxc-attach', String(VMID), '--', 'sh', '-c', script],
      {
        env: cluster.environment,
        timeoutMs: 100_000,
      },
    );
    const starts = async (): Promise<number> =>
      (await container.attach(['sh', '-c', `cat ${mark} 2>/dev/null`])).stdout.split('\n').filter(Boolean).length;
    return { cli, mark, starts };
  }

  async function isRunning(): Promise<boolean> {
    return (await processesIn(container)).some(({ args }) => args === `sleep 40000${runs}`);
  }

  const running = (): Promise<boolean> => waitFor(isRunning, { what: 'the command to run', ...PATIENTLY });

  for (let point = 0; point < 20; point++) {
    it(`is cut at a random moment (${point + 1})`, async () => {
      const before = await snapshotProcesses(container);
      const cold = point % 2 === 0;
      if (cold) proxy.cut();
      const { cli, starts } = start();
      const delay = Math.random() * (cold ? 1000 : 500);
      await sleep(delay);
      // A connection that comes later is cut as well.
      const cutter = setInterval(() => proxy.cut(), 5);
      await sleep(50);
      let ended = false;
      void cli.ended.then(() => (ended = true));
      await Promise.race([cli.ended, sleep(1000)]);
      clearInterval(cutter);
      // Cut before the connection was there, it tries once more: then for good.
      await waitFor(async () => ended || (await isRunning()), { what: 'an end, or a start', ...PATIENTLY });
      if (!ended) proxy.cut();
      const result = resultOf(await cli.ended);
      const count = await starts();
      expect(result.exitCode, `after ${delay} ms`).to.be.oneOf([125, 255]);
      expect(count, 'starts').to.be.at.most(result.exitCode === 255 ? 1 : 0);
      expect(result.connectionLost).to.equal(result.exitCode === 255);
      await assertNothingNew(container, before, PATIENTLY.timeoutMs);
    });
  }

  it('is told with what is known, and the tree has ended', async () => {
    const before = await snapshotProcesses(container);
    const { cli, starts } = start();
    await running();
    proxy.cut();
    expectLost(await cli.ended);
    expect(await starts()).to.equal(1);
    await assertNothingNew(container, before, PATIENTLY.timeoutMs);
  });

  it('because the session on the node was killed: the node ends the tree', async () => {
    const before = await snapshotProcesses(container);
    const { cli } = start();
    await running();
    const [first] = await programsOnNodes(sshdPid());
    if (first === undefined) throw new Error('no program of ours on the node');
    process.kill(first.parent, 'SIGKILL');
    expectLost(await cli.ended);
    await assertNothingNew(container, before, PATIENTLY.timeoutMs);
  });

  it('because our program on the node was killed: its guardian ends the tree', async () => {
    const before = await snapshotProcesses(container);
    const { cli } = start();
    await running();
    // The one that speaks with us, and not the guardian, which leads a session of its own.
    for (const { pid } of await programsOnNodes(sshdPid())) process.kill(pid, 'SIGKILL');
    expectLost(await cli.ended);
    await assertNothingNew(container, before, PATIENTLY.timeoutMs);
  });

  for (const form of ['pipes', 'a terminal'] as const) {
    it(`because we were killed ourselves, with ${form}: nothing is left in the container, and nothing of ours on the node`, async () => {
      const before = await snapshotProcesses(container);
      const { cli } = start(form === 'pipes' ? [] : ['-t']);
      await running();
      cli.child.kill('SIGKILL');
      await cli.ended;
      await assertNothingNew(container, before, PATIENTLY.timeoutMs);
      await waitFor(async () => (await programsOnNodes(sshdPid())).length === 0, {
        what: 'our programs on the node to end',
        ...PATIENTLY,
      });
    });
  }

  it('ends nothing that was let go: a daemon stays when the shared connection is cut', async () => {
    const name = `sleep 50000${(runs += 1)}`;
    const cli = startCli(
      ['exec', '--json', String(VMID), '--', 'sh', '-c', `setsid ${name} >/dev/null 2>&1 </dev/null & echo up`],
      { env: cluster.environment },
    );
    expect(resultOf(await cli.ended).stdout).to.equal('up\n');
    proxy.cut();
    await waitFor(() => proxy.open === 0, { what: 'the connections to be gone', ...PATIENTLY });
    await waitFor(async () => (await programsOnNodes(sshdPid())).length === 0, {
      what: 'our programs on the node to end',
      ...PATIENTLY,
    });
    const daemon = (await processesIn(container)).find(({ args }) => args === name);
    if (daemon === undefined) throw new Error('the daemon was ended');
    process.kill(daemon.pid, 'SIGKILL');
  });
});
