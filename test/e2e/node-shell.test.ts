/** Commands over nothing but the API of an unmodified Proxmox VE: a shell of the node, and lxc-attach in it. */
import { readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliResult, RunningCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { assertNothingNew, processesIn, snapshotProcesses, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';
import { nodeShellPlace } from './node-shell-place.ts';
import type { NodeShellPlace } from './node-shell-place.ts';

const LIMIT = { timeoutMs: 30_000 } as const;

/** How many cuts at a random moment; more by hand. */
const CUTS = Number(process.env['PROXMOX_LXCRI_TEST_CUTS'] ?? 12);

/** "" for a process that is gone. */
function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return '';
  }
}

describe('over the API alone, by a shell of the node', () => {
  let place: NodeShellPlace | undefined;
  let proxy: TcpProxy;
  let container: Container;
  let env: Record<string, string>;
  let runs = 0;

  before(async function () {
    needsApiDouble(this);
    const portOf = async (port: number): Promise<number> => (proxy = await startTcpProxy('127.0.0.1', port)).port;
    place = await nodeShellPlace(
      [
        { vmid: 101, hostname: 'web' },
        { vmid: 102, hostname: 'off', running: false },
      ],
      portOf,
    );
    env = place.env;
    container = place.cluster.container(101);
  });

  after(async () => {
    await place?.close();
    await proxy?.stop();
  });

  const exec = (...words: string[]): Promise<CliResult> =>
    runCli(['exec', '--context', 'home', '--method', 'node-shell', ...words], { env });

  /** The processes on the node that are not of its consoles' own: the shell, and what took its place. */
  async function programs(): Promise<string[]> {
    const prefix = (await place?.cluster.node('pve1').world.prefix()) ?? [];
    const namespace = namespaceOf(prefix[2] ?? '');
    const { stdout } = await run(['ps', '-eo', 'pid=,args=']);
    return stdout
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /perl|bash|login/.test(line) && namespaceOf(line.split(' ')[0] ?? '') === namespace);
  }

  it('has separate streams and the exit code, and leaves no shell on the node', async () => {
    const done = await exec('101', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
    await waitFor(async () => (await programs()).length === 0, { what: 'the shell to be closed', ...LIMIT });
  });

  it('tells in the result where it ran, and by which method', async () => {
    const result = resultOf(await exec('--json', 'web', '--', 'cat', '/proc/sys/kernel/hostname'));
    expect(result).to.deep.include({ exitCode: 0, method: 'node-shell', treeKill: true, started: true });
    expect(result.container).to.deep.equal({ id: '101', name: 'web', platform: 'proxmox', node: 'pve1' });
  });

  it('ends what a timeout ends', async () => {
    const before = await snapshotProcesses(container);
    const result = resultOf(
      await exec('--json', '--timeout', '8s', '101', '--', 'sh', '-c', 'setsid sleep 7302 & sleep 7302'),
    );
    expect(result).to.deep.include({ exitCode: 124, timedOut: true, started: true, treeKill: true });
    await assertNothingNew(container, before);
  });

  it('says that a container does not run, and starts nothing', async () => {
    const done = await exec('102', '--', 'true');
    expect(done.exitCode).to.equal(125);
    expect(done.stderr.toString()).to.match(/ContainerNotRunning|stopped/);
  });

  describe('at our terminal', () => {
    afterEach(closeTerminals);

    it('is a shell of the right size, which gets its changes, and the terminal is given back', async () => {
      const terminal = await openTerminal({ columns: 97, rows: 31 });
      const settings = async (): Promise<string> => (await run(['stty', '-g', '-F', terminal.device])).stdout;
      const before = await settings();
      const file = join(scratchDirectory(), 'exec');
      const variables = Object.entries(env).map(([key, value]) => `export ${key}='${value}'`);
      const call = `${CLI} exec --context home --method node-shell -it -e 'PS1=ct> ' 101 -- sh`;
      writeFileSync(file, [...variables, call, 'echo "[rc=$?]"', ''].join('\n'));
      await terminal.type(`sh ${file}`);
      await terminal.waitForScreen(/^ct> /m, LIMIT.timeoutMs);
      await terminal.type('stty size');
      await terminal.waitForScreen(/^31 97$/m, LIMIT.timeoutMs);
      await terminal.type('until [ "$(stty size)" = "40 120" ]; do sleep 0.05; done; echo resi""zed');
      await terminal.resize({ columns: 120, rows: 40 });
      await terminal.waitForScreen(/^resized$/m, LIMIT.timeoutMs);
      await terminal.type('sleep 300094');
      await waitFor(async () => (await processesIn(container)).some(({ args }) => args === 'sleep 300094'), {
        what: 'the command to run',
        ...LIMIT,
      });
      await terminal.press('C-c');
      await terminal.type('exit 9');
      await terminal.waitForScreen(/\[rc=9\]/, LIMIT.timeoutMs);
      expect(await settings()).to.equal(before);
    });
  });

  describe('when the connection is cut', () => {
    /** A command that says that it runs, where that can be counted, and never ends. */
    function start(): { cli: RunningCli; starts: () => Promise<number>; isRunning: () => Promise<boolean> } {
      runs += 1;
      const mark = `/tmp/ran-${runs}`;
      const name = `sleep 4000${runs}`;
      const script = `echo ran >>${mark}; setsid sleep 3000${runs} & ${name}`;
      const words = ['exec', '--json', '--context', 'home', '--method', 'node-shell', '101', '--', 'sh', '-c', script];
      return {
        cli: startCli(words, { env, timeoutMs: 60_000 }),
        starts: async () =>
          (await container.attach(['sh', '-c', `cat ${mark} 2>/dev/null`])).stdout.split('\n').filter(Boolean).length,
        isRunning: async () => (await processesIn(container)).some(({ args }) => args === name),
      };
    }

    it('tells what is known, and the tree has ended', async () => {
      const before = await snapshotProcesses(container);
      const { cli, starts, isRunning } = start();
      await waitFor(isRunning, { what: 'the command to run', ...LIMIT });
      proxy.cut();
      const result = resultOf(await cli.ended);
      expect(result).to.deep.include({ exitCode: 255, started: true, connectionLost: true, treeKill: true });
      expect(result.error?.code).to.equal('ConnectionLost');
      expect(await starts()).to.equal(1);
      await assertNothingNew(container, before, LIMIT.timeoutMs);
    });

    for (let point = 0; point < CUTS; point++) {
      it(`at a random moment (${point + 1}): never a success, never twice, and nothing is left`, async () => {
        const before = await snapshotProcesses(container);
        const { cli, starts, isRunning } = start();
        let ended = false;
        void cli.exited.then(() => (ended = true));
        const delay = Math.random() * 1500;
        await sleep(delay);
        proxy.cut();
        // It may not have been connected yet: then it is cut once it runs.
        await waitFor(async () => ended || (await isRunning()), { what: 'an end, or a start', ...LIMIT });
        while (!ended) {
          proxy.cut();
          // oxlint-disable-next-line no-await-in-loop -- until it has ended
          await Promise.race([cli.exited, sleep(100)]);
        }
        const result = resultOf(await cli.ended);
        const count = await starts();
        expect(result.exitCode, `after ${delay} ms: ${JSON.stringify(result.error)}`).to.be.oneOf([125, 255]);
        expect(count, 'starts').to.be.at.most(result.exitCode === 255 ? 1 : 0);
        expect(result.connectionLost).to.equal(result.exitCode === 255);
        await assertNothingNew(container, before, LIMIT.timeoutMs);
        await waitFor(async () => (await programs()).length === 0, { what: 'our program to end', ...LIMIT });
      });
    }
  });
});
