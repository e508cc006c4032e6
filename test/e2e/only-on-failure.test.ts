/** `exec --only-on-failure`: silence, or one line and all of the output. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import {
  assertNothingNew,
  processesMatching,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';

const MIB = 1024 * 1024;

describe('exec --only-on-failure', () => {
  let container: Container;
  let former: ProcessSnapshot;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    former = await snapshotProcesses(container);
  });

  afterEach(() => assertNothingNew(container, former));

  after(() => container.destroy());

  function exec(flags: readonly string[], script: string) {
    return runCli(['exec', '--only-on-failure', ...flags, container.name, '--', 'sh', '-c', script]);
  }

  /** The line of ours, and what comes after it on standard error. */
  function reportIn(stderr: Buffer): { line: string; rest: Buffer } {
    const end = stderr.indexOf('\n');
    return { line: stderr.subarray(0, end).toString(), rest: stderr.subarray(end + 1) };
  }

  it('says nothing at all of a success', async () => {
    const { exitCode, stdout, stderr } = await exec([], 'echo out; echo err >&2');
    expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([0, '', '']);
  });

  it('says in one line what failed, and then its output, stream by stream and byte by byte', async () => {
    const { exitCode, stdout, stderr } = await exec([], 'printf "o\\0\\377"; printf "e\\0\\376" >&2; exit 3');
    expect([exitCode, stdout]).to.deep.equal([3, Buffer.from('o\0\xff', 'latin1')]);
    const { line, rest } = reportIn(stderr);
    expect(line).to.match(new RegExp(`^proxmox-lxcri: ${container.name}: sh: exit code 3 after [\\d.]+m?s$`));
    expect(rest).to.deep.equal(Buffer.from('e\0\xfe', 'latin1'));
  });

  it('gives back much output unchanged', async () => {
    const bytes = randomBytes(5 * MIB);
    const words = ['exec', '--only-on-failure', container.name, '--', 'sh', '-c', 'cat; exit 1'];
    const { exitCode, stdout } = await runCli(words, { stdin: bytes });
    expect(exitCode).to.equal(1);
    const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
    expect(sha(stdout)).to.equal(sha(bytes));
  });

  it('holds beginning and end of what is too much, with memory flat and the end in place', async () => {
    const script = 'echo first; head -c 300000000 /dev/zero; echo last; exit 1';
    const cli = startCli(['exec', '--only-on-failure', container.name, '--', 'sh', '-c', script]);
    let peak = 0;
    const poll = setInterval(() => {
      peak = Math.max(peak, peakOf(cli.pid));
    }, 20);
    const { exitCode, stdout, stderr } = await cli.ended;
    clearInterval(poll);
    expect([exitCode, stdout.length]).to.deep.equal([1, 8 * MIB]);
    expect(stdout.subarray(0, 6).toString()).to.equal('first\n');
    expect(stdout.subarray(-5).toString()).to.equal('last\n');
    const lost = 300_000_011 - 8 * MIB;
    expect(reportIn(stderr).line).to.include(
      `; ${lost} bytes from the middle of its stdout are left out (--max-output)`,
    );
    expect(peak, 'peak memory in bytes').to.be.within(1, 120 * MIB);
  });

  it('keeps no more of each stream than --max-output', async () => {
    const { stdout, stderr } = await exec(['--max-output', '10'], 'printf 0123456789abcdef; printf 012 >&2; exit 1');
    expect(stdout.toString()).to.equal('01234bcdef');
    expect(stderr.toString()).to.match(/; 6 bytes from the middle of its stdout are left out \(--max-output\)\n012$/);
  });

  it('reports what was not started in the same way', async () => {
    const { exitCode, stdout, stderr } = await runCli(['exec', '--only-on-failure', container.name, 'no-such-command']);
    expect([exitCode, stdout.toString()]).to.deep.equal([127, '']);
    expect(expectErrorLine(stderr, 'CommandNotFound')).to.match(/: plx-[^:]*: no-such-command: .*exit code 127 after /);
    const missing = await runCli(['exec', '--only-on-failure', 'no-such-container', 'true']);
    expect(missing.exitCode).to.equal(125);
    expect(expectErrorLine(missing.stderr, 'ContainerNotFound')).to.include(': no-such-container: true: ');
  });

  it('reports a command that was too slow, with what it said until then', async () => {
    const { exitCode, stdout, stderr } = await withLimit(
      300,
      (limitMs) => exec(['--timeout', `${limitMs}ms`], 'echo begun; sleep 1066'),
      (done) => done.stdout.length > 0,
    );
    expect([exitCode, stdout.toString()]).to.deep.equal([124, 'begun\n']);
    expect(expectErrorLine(stderr, 'ExecutionTimeout')).to.include(`${container.name}: sh: `);
  });

  it('reports a command that a signal ended', async () => {
    const words = ['exec', '--only-on-failure', container.name, '--', 'sh', '-c', 'echo begun; sleep 1067'];
    const cli = startCli(words);
    const sleeps = async (): Promise<boolean> =>
      (await processesMatching(container, '1067')).some(({ args }) => args === 'sleep 1067');
    await waitFor(sleeps, { what: 'the command to run' });
    cli.child.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await cli.ended;
    expect([exitCode, stdout.toString()]).to.deep.equal([143, 'begun\n']);
    expect(stderr.toString()).to.match(/^proxmox-lxcri: .*: sh: ended by a signal, exit code 143 after [^\n]*\n$/);
  });

  it('shows only the line with --quiet', async () => {
    const { exitCode, stdout, stderr } = await exec(['-q'], 'echo out; echo err >&2; exit 3');
    expect([exitCode, stdout.toString()]).to.deep.equal([3, '']);
    expect(stderr.toString()).to.match(/^proxmox-lxcri: .*: sh: exit code 3 after [^\n]*\n$/);
    const success = await exec(['-q'], 'echo out');
    expect([success.exitCode, success.stderr.toString()]).to.deep.equal([0, '']);
  });

  it('is refused with a terminal and with --json', async () => {
    const withTerminal = await exec(['-t'], 'true');
    expect(withTerminal.exitCode).to.equal(125);
    expect(expectErrorLine(withTerminal.stderr, 'UsageError')).to.include('--only-on-failure and --tty');
    const result = resultOf(await exec(['--json'], 'true'));
    expect([result.exitCode, result.started, result.error?.code]).to.deep.equal([125, false, 'UsageError']);
  });

  describe('with full disks', () => {
    /** Runs the CLI where the folders for temporary files are full. */
    async function onFullDisks(script: string) {
      const full = join(scratchDirectory(), 'full');
      mkdirSync(full);
      const prepare = `
        mount -t tmpfs -o size=64k none "$TMPDIR"
        head -c 100000 /dev/zero >"$TMPDIR/filler" 2>/dev/null
        mount --bind "$TMPDIR" /var/tmp
        exec "$@"`;
      const words = [CLI, 'exec', '--only-on-failure', container.name, '--', 'sh', '-c', script];
      return run(['unshare', '--mount', '/bin/sh', '-c', prepare, 'sh', ...words], {
        env: { PATH: process.env['PATH'], TMPDIR: full },
      });
    }

    it('a success is still silent', async () => {
      const done = await onFullDisks('head -c 1000000 /dev/zero; echo out');
      expect([done.exitCode, done.stdout, done.stderr]).to.deep.equal([0, '', '']);
    });

    it('a failure is still told, with its exit code and the beginning of its output', async () => {
      const done = await onFullDisks('head -c 1000000 /dev/zero; echo err >&2; exit 5');
      expect([done.exitCode, done.stdoutBytes.length >= 65_536]).to.deep.equal([5, true]);
      const { line, rest } = reportIn(done.stderrBytes);
      expect(line).to.match(/: sh: exit code 5 after .*; \d+ bytes of its stdout could not be kept \(ENOSPC/);
      expect(rest.toString()).to.equal('err\n');
    });
  });
});

/** The most memory that a process has had so far, in bytes; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
