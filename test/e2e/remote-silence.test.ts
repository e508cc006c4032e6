/** Nodes that say nothing, and lines on which nothing arrives any more: nobody waits longer than was asked for. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import { expect } from 'chai';

import { assertNothingNew, processesIn, run, snapshotProcesses, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import { programsOnNodes } from '../support/pve/remote-programs.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { runCli, startCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { startProxiedNode } from './proxied-node.ts';
import type { ProxiedNode } from './proxied-node.ts';

const VMID = 700_000_000 + (process.pid % 100_000_000);

describe('a node that accepts connections and says nothing', () => {
  let cluster: SshCluster;
  let silent: Server;
  const sockets = new Set<Socket>();

  before(async () => {
    cluster = await startSshCluster({
      nodes: { pve2: [{ vmid: VMID }] },
      portOf: async ({ address }) => {
        silent = createServer((socket) => {
          sockets.add(socket);
          socket.on('error', () => {});
        });
        silent.listen(0, address);
        await once(silent, 'listening');
        return (silent.address() as AddressInfo).port;
      },
    });
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await cluster.stop();
  });

  /** Unless it is given up, ssh tries for 10 s, and is started again then: four times. */
  const MUCH_LESS_THAN_SSH_MS = 25_000;

  const sshPrograms = async (): Promise<string[]> => {
    const { stdout } = await run(['ps', '-eo', 'args=']);
    return stdout.split('\n').filter((line) => line.includes('/usr/bin/ssh') && line.includes(cluster.directory));
  };

  it('is waited for as long as --timeout says', async () => {
    const cli = await runCli(['exec', '--json', '--timeout', '1s', String(VMID), '--', 'true'], {
      env: cluster.environment,
      timeoutMs: 60_000,
    });
    const result = resultOf(cli);
    expect(result).to.deep.include({ exitCode: 124, started: false, timedOut: true });
    expect(result.error?.code).to.equal('ExecutionTimeout');
    expect(cli.durationMs).to.be.below(MUCH_LESS_THAN_SSH_MS);
    await waitFor(async () => (await sshPrograms()).length === 0, { what: 'ssh to end', timeoutMs: 20_000 });
  });

  for (const [signal, exitCode] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`is not waited for after ${signal}`, async () => {
      const connected = once(silent, 'connection');
      const cli = startCli(['exec', '--json', String(VMID), '--', 'true'], {
        env: cluster.environment,
        timeoutMs: 60_000,
      });
      await connected;
      const begin = performance.now();
      cli.child.kill(signal);
      const result = resultOf(await cli.ended);
      expect(result).to.deep.include({ exitCode, started: false, canceled: true });
      expect(performance.now() - begin).to.be.below(MUCH_LESS_THAN_SSH_MS);
      await waitFor(async () => (await sshPrograms()).length === 0, { what: 'ssh to end', timeoutMs: 20_000 });
    });
  }
});

describe('a line on which nothing arrives any more', () => {
  let node: ProxiedNode;
  let cluster: SshCluster;
  let container: Container;
  let proxy: TcpProxy;

  before(async () => {
    node = await startProxiedNode(VMID, {
      // Half a minute otherwise, and on the node the 60 s of our program.
      sshOptions: ['-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=2'],
      sshdConfig: ['ClientAliveInterval 1', 'ClientAliveCountMax 2'],
    });
    ({ cluster, container, proxy } = node);
  });

  after(() => node.stop());

  it('loses the command, which ends on its node, and nobody claims to know of that', async () => {
    const before = await snapshotProcesses(container);
    const cli = startCli(['exec', '--json', String(VMID), '--', 'sh', '-c', 'setsid sleep 300101 & sleep 300102'], {
      env: cluster.environment,
      timeoutMs: 100_000,
    });
    await waitFor(async () => (await processesIn(container)).some(({ args }) => args === 'sleep 300102'), {
      what: 'the command to run',
      timeoutMs: 20_000,
    });
    proxy.stall();
    const result = resultOf(await cli.ended);
    expect(result).to.deep.include({ exitCode: 255, started: true, connectionLost: true, treeKill: false });
    expect(result.error?.code).to.equal('ConnectionLost');
    await assertNothingNew(container, before, 30_000);
    await waitFor(async () => (await programsOnNodes(cluster.nodes.get('pve2')?.sshd.pid ?? 0)).length === 0, {
      what: 'our programs on the node to end',
      timeoutMs: 20_000,
    });
  });
});

describe('a line that goes silent before the time is over', () => {
  let node: ProxiedNode;
  let cluster: SshCluster;
  let container: Container;
  let proxy: TcpProxy;

  before(async () => {
    // The node notices soon; here it takes half a minute, which is longer than the command has.
    node = await startProxiedNode(VMID, { sshdConfig: ['ClientAliveInterval 1', 'ClientAliveCountMax 2'] });
    ({ cluster, container, proxy } = node);
  });

  after(() => node.stop());

  it('leaves unknown whether a timeout has ended the command', async () => {
    const runs = async (): Promise<boolean> =>
      (await processesIn(container)).some(({ args }) => args === 'sleep 300103');
    const result = await withLimit(
      4000,
      async (limitMs) => {
        proxy.resume();
        const words = ['exec', '--json', '--timeout', `${limitMs}ms`, '--kill-after', '100ms', String(VMID)];
        const cli = startCli([...words, '--', 'sleep', '300103'], { env: cluster.environment, timeoutMs: 110_000 });
        const started = waitFor(runs, { what: 'the command to run', timeoutMs: 60_000 }).then(() => proxy.stall());
        // Where its time is over before it runs, there is nothing to be lost.
        await Promise.race([started, cli.ended]);
        started.catch(() => {});
        return resultOf(await cli.ended);
      },
      ({ started }) => started,
    );
    expect(result).to.deep.include({ exitCode: 124, timedOut: true, connectionLost: true, treeKill: false });
    expect(result.error?.message).to.include('not known whether it was ended');
    await waitFor(async () => !(await runs()), { what: 'the node to end the command', timeoutMs: 60_000 });
  });
});
