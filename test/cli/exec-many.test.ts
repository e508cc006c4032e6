import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import type { ManyResult } from '../../src/model/many.ts';
import { documentErrors } from '../model/schema.ts';
import { assertNothingNew, processesMatching, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { startModule } from './module.ts';

/**
 * Until more than Kubernetes has words for several containers, the code behind them is called here with real containers
 * of LXC, in a process of its own.
 */
const PROGRAM = `
  const { startExecution, checkExecution } = await import(new URL('../oci/execution.ts', URL_OF_MODULE));
  const { hostInventory } = await import(new URL('../oci/locate.ts', URL_OF_MODULE));
  const { targets, command, flags, call } = JSON.parse(process.argv.at(-1));
  const full = { container: targets[0], command, settings: { 'exec.maxOutput': 1000 }, json: false, quiet: false,
    verbose: false, onlyOnFailure: false, lock: undefined, options: {}, ...call };
  const tools = { check: checkExecution, start: startExecution, explain: (result, prefix) => console.error(prefix + result.id) };
  const inventory = hostInventory({ lxcpath: undefined, pveDirectory: '/nonexistent' });
  try {
    process.exit(await module.execMany(full, targets, new Map(flags.map((flag) => [flag, ['']])), inventory, tools)());
  } catch (error) {
    console.error(error.code + ': ' + error.message);
    process.exit(125);
  }
`.replaceAll('URL_OF_MODULE', JSON.stringify(new URL('../../src/cli/exec-many.ts', import.meta.url).href));

interface Given {
  readonly flags?: readonly string[];
  readonly call?: object;
}

interface Done {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('exec in several containers', () => {
  let one: Container;
  let two: Container;
  let targets: [string, string];
  let snapshots: ProcessSnapshot[];
  let children: ChildProcess[];

  before(async () => {
    [one, two] = await Promise.all([startContainer({ kind: 'busybox' }), startContainer({ kind: 'busybox' })]);
    targets = [`lxc:${one.name}`, two.name];
  });

  beforeEach(async () => {
    children = [];
    snapshots = [await snapshotProcesses(one), await snapshotProcesses(two)];
  });

  afterEach(async () => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (const [index, container] of [one, two].entries())
      await assertNothingNew(container, snapshots[index] as ProcessSnapshot);
  });

  after(() => Promise.all([one, two].map((container) => container?.destroy())));

  function start(
    script: string,
    { flags = [], call = {} }: Given = {},
    named: readonly string[] = targets,
    options: SpawnOptions = {},
  ): ChildProcess {
    const words = JSON.stringify({ targets: named, command: ['sh', '-c', script], flags, call });
    const child = startModule('cli/exec-many.ts', `process.argv.push(${JSON.stringify(words)});${PROGRAM}`, options);
    children.push(child);
    return child;
  }

  async function ended(child: ChildProcess): Promise<Done> {
    const exit = once(child, 'close');
    const [stdout, stderr] = await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)]);
    return { exitCode: (await exit)[0] as number | null, stdout, stderr };
  }

  const run = (...words: Parameters<typeof start>): Promise<Done> => ended(start(...words));

  const sorted = (lines: string): string[] => lines.split('\n').toSorted();

  async function sleepers(count: number): Promise<void> {
    await waitFor(
      async () => {
        const found = await Promise.all([one, two].map((container) => processesMatching(container, '7171')));
        return found.filter((each) => each.some(({ args }) => args === 'sleep 7171')).length === count;
      },
      { what: `${count} containers to have a sleep` },
    );
  }

  it('writes the lines of each with its name, on the two streams', async () => {
    const { exitCode, stdout, stderr } = await run('hostname; printf "b\\n"; echo err >&2; printf "no end"');
    const [a, b] = targets;
    expect(stderr.split('\n').toSorted()).to.deep.equal(sorted(`[${a}] err\n[${b}] err\n`));
    expect(sorted(stdout)).to.deep.equal(
      sorted(`[${a}] ${one.name}\n[${a}] b\n[${a}] no end\n[${b}] ${two.name}\n[${b}] b\n[${b}] no end\n`),
    );
    expect(exitCode).to.equal(0);
  });

  it('says at the end which failed, and exits with the largest code', async () => {
    const { exitCode, stderr } = await run(`[ "$(hostname)" = ${one.name} ] && exit 3; exit 0`);
    expect(stderr).to.equal(`proxmox-lxcri: 2 targets: 1 failed: ${targets[0]} (exit code 3)\n`);
    expect(exitCode).to.equal(3);
  });

  it('with --quiet says only how each ended', async () => {
    const { exitCode, stdout, stderr } = await run('echo x; echo y >&2; exit 4', {
      call: { quiet: true, options: { stdout: 'ignore', stderr: 'ignore' } },
    });
    expect([exitCode, stdout]).to.deep.equal([4, '']);
    const durations = stderr.replaceAll(/\(.*\)/g, '(D)');
    expect(sorted(durations)).to.deep.equal(
      sorted(targets.map((target) => `proxmox-lxcri: ${target}: exit code 4 (D)\n`).join('')),
    );
  });

  it('with --json prints one document, and nothing else', async () => {
    const { exitCode, stdout, stderr } = await run('hostname; echo err >&2; exit 5', {
      call: { json: true, options: { stdout: 'capture', stderr: 'capture' } },
    });
    const document = JSON.parse(stdout) as ManyResult;
    expect(documentErrors('exec-many-result', document)).to.deep.equal([]);
    expect(document.results.map((each) => [each.target, each.container?.name, each.stdout, each.stderr])).to.deep.equal(
      [
        [targets[0], one.name, `${one.name}\n`, 'err\n'],
        [targets[1], two.name, `${two.name}\n`, 'err\n'],
      ],
    );
    expect([exitCode, document.exitCode, stderr]).to.deep.equal([5, 5, '']);
  });

  it('with --only-on-failure shows only those that failed, whole', async () => {
    const { exitCode, stdout, stderr } = await run(`echo out; hostname; [ "$(hostname)" = ${one.name} ]`, {
      call: { onlyOnFailure: true },
    });
    expect(exitCode).to.equal(1);
    expect(stdout).to.equal(`out\n${two.name}\n`);
    expect(stderr).to.match(
      new RegExp(
        `^proxmox-lxcri: ${two.name}: sh: exit code 1 after .*\\nproxmox-lxcri: 2 targets: 1 failed: ${two.name} \\(exit code 1\\)\\n$`,
      ),
    );
  });

  it('starts nothing where one is not there, and names each that is not', async () => {
    const { exitCode, stdout, stderr } = await run('touch /tmp/ran', {}, [...targets, 'lxc:absent-1', 'lxc:absent-2']);
    expect([exitCode, stdout]).to.deep.equal([125, '']);
    expect(stderr.split('\n')).to.have.length(4);
    expect(stderr).to.match(/^proxmox-lxcri: ContainerNotFound: lxc:absent-1: no container absent-1/m);
    expect(stderr).to.match(/^proxmox-lxcri: ContainerNotFound: lxc:absent-2: no container absent-2/m);
    expect(stderr).to.contain('proxmox-lxcri: nothing was started: 2 of 4 targets cannot be used: lxc:absent-1 (');
    const files = await Promise.all([one, two].map((container) => container.attach(['ls', '/tmp'])));
    expect(files.map((each) => each.stdout)).to.not.include('ran\n');
  });

  it('refuses what only one can be given, before anything else', async () => {
    for (const flag of ['tty', 'stdin', 'detach']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { exitCode, stderr } = await run('true', { flags: [flag] });
      expect([exitCode, stderr]).to.satisfy(
        ([code, said]: [number, string]) =>
          code === 125 && said.startsWith(`UsageError: --${flag} is for one container, and these words name 2: `),
        stderr,
      );
    }
  });

  it('has no standard input', async () => {
    const { exitCode, stdout } = await run('wc -c');
    expect([exitCode, sorted(stdout)]).to.deep.equal([0, sorted(targets.map((name) => `[${name}] 0\n`).join(''))]);
  });

  it('ends all by a signal, and leaves nothing behind', async () => {
    const child = start('sleep 7171 & sleep 7171');
    const done = ended(child);
    await sleepers(2);
    child.kill('SIGINT');
    const { exitCode, stderr } = await done;
    expect(exitCode).to.equal(130);
    expect(stderr).to.contain('2 targets: 2 failed');
    await sleepers(0);
  });

  it('ends all when nobody reads its output any more', async () => {
    // Only one of them ever writes again.
    const child = start(
      `echo ready; if [ "$(hostname)" = ${one.name} ]; then while :; do echo x; done; fi; sleep 7171`,
    );
    await sleepers(1);
    const exit = once(child, 'exit');
    child.stdout?.destroy();
    expect((await exit)[0]).to.be.greaterThan(128);
    await sleepers(0);
  });

  it('gives each its own time', async () => {
    const { exitCode, stderr } = await run(`[ "$(hostname)" = ${one.name} ] || exit 0; sleep 7171`, {
      call: { options: { timeoutMs: 2000 } },
    });
    expect(exitCode).to.equal(124);
    expect(stderr).to.match(
      new RegExp(`^proxmox-lxcri: ExecutionTimeout: ${targets[0]}: the command did not end`, 'm'),
    );
    expect(stderr).to.contain(`2 targets: 1 failed: ${targets[0]} (ExecutionTimeout)`);
  });

  it('does not take output that cannot be written for a success', async () => {
    for (const script of ['echo x', 'printf x']) {
      const full = openSync('/dev/full', 'w');
      const child = start(script, {}, targets, { stdio: ['ignore', full, 'pipe'] });
      closeSync(full);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [exitCode, said] = await Promise.all([once(child, 'exit'), text(child.stderr as Readable)]);
      expect([exitCode[0], said]).to.satisfy(
        ([code, words]: [number, string]) =>
          code === 255 && words.includes('ConnectionLost') && words.includes('ENOSPC'),
        said,
      );
    }
  });

  it('takes what a container writes for bytes, as much as it may be', async () => {
    const { exitCode, stdout } = await run('head -c 3000000 /dev/zero | tr "\\0" x; echo; echo end');
    expect(exitCode).to.equal(0);
    for (const target of targets) {
      const lines = stdout.split('\n').filter((line) => line.startsWith(`[${target}`));
      expect(lines.at(-1)).to.equal(`[${target}] end`);
      const length = lines.slice(0, -1).reduce((sum, line) => sum + line.indexOf('] ') + 2 - line.length, 0);
      expect(-length).to.equal(3_000_000);
      expect(lines.slice(1, -1).every((line) => line.startsWith(`[${target}+] x`))).to.equal(true);
    }
  });
});
