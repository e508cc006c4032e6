/** `npm run bench` runs and prints its rows. What they say is for people: a test's machine is busy with other things. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { expect } from 'chai';

import { type Argv, run } from '../support/run.ts';
import { tracesOf } from '../support/traces.ts';
import { waitFor } from '../support/wait-for.ts';

const BENCH: Argv = [process.execPath, resolve(import.meta.dirname, '../../scripts/bench.ts')];

const MEASURED = /^ {2,}\S.*? {2,}-?\d+(\.\d+)?( (ms|us|MB\/s))?( {3}|$)/;

/** What a bench leaves nothing of. */
function tracesOfBench(pid: number): string[] {
  return [
    ...tracesOf([`lxcri-bench-${pid}`]),
    ...readdirSync(tmpdir()).filter((name) => name.startsWith(`lxcri-bench-${pid}-`)),
  ];
}

describe('npm run bench', () => {
  it('measures everything, finds the data intact, and leaves nothing', async function () {
    this.timeout(250_000);
    const { exitCode, stdout, stderr } = await run(['sh', '-c', 'echo $$; exec "$@"', 'sh', ...BENCH, '--quick'], {
      timeoutMs: 240_000,
    });
    expect(exitCode, stderr).to.equal(0);
    const lines = stdout.split('\n');
    const row = (label: string): string =>
      lines.find((line) => line.startsWith(`  ${label}  `)) ?? expect.fail(`no row "${label}" in:\n${stdout}`);
    for (const label of [
      'node empty.cjs',
      'lxc-attach',
      'exec',
      'exec --json',
      'exec / (node + lxc-attach)',
      'out: exec',
      'out: lxc-attach',
      'out: exec / lxc-attach, once started',
      'in: exec',
      'in: lxc-attach',
      'in: exec / lxc-attach, once started',
      'out: exec / lxc-attach, start included',
      'in: exec / lxc-attach, start included',
      'out',
      'in',
      'out with --json, which keeps 8 MiB of it',
      'locate + validate, of 20 calls in one process',
      '  from there until lxc-attach is started',
      'lxc-ls -f',
      'ps',
      'ps --json',
      'completion of a container',
      'ps / (node + lxc-ls -f)',
      'exec over ssh, with the login',
      'exec over ssh, each further one',
      'ssh NODE lxc-attach',
      'first command, with the login',
      'each further one',
      'lxc-attach on the node itself',
      'out: node-shell',
      'in: node-shell',
      'cold: exec docker:C -- true',
      'cold: docker exec C true',
      'cold: exec / docker exec',
      'each further one of a library',
      'out: docker exec',
      'in: docker exec',
    ]) {
      expect(row(label)).to.match(MEASURED);
    }
    expect(row('sha256, out and in')).to.match(/ equal$/);
    // Measured, or the reason why not.
    for (const label of ['exec, the Debian package', 'runc exec', 'crun exec', 'docker exec'])
      expect(row(label)).to.match(/ (\d+\.\d ms|- {3}\S)/);
    expect(tracesOfBench(Number(lines[0]))).to.deep.equal([]);
  });

  it('leaves nothing when it is interrupted', async () => {
    const [file, ...args] = BENCH;
    // In a process group of its own, which gets the signal as from a terminal.
    const bench = spawn(file, args, { stdio: 'ignore', detached: true });
    const pid = bench.pid ?? expect.fail('not started');
    const ended = new Promise((settle) => bench.on('close', settle));
    await waitFor(() => tracesOf([`lxcri-bench-${pid}`]).some((trace) => trace.includes('exec')), {
      what: 'the bench to measure',
    });
    process.kill(-pid, 'SIGINT');
    expect(await ended).to.not.equal(0);
    expect(tracesOfBench(pid)).to.deep.equal([]);
  });
});
