/** `exec` where there is next to nothing around it: as cron, hooks and init scripts start programs. */
import { rmSync } from 'node:fs';

import { expect } from 'chai';

import { LOCK_DIRECTORY } from '../../src/cli/exec-lock.ts';
import { CLI } from '../methods/contract/cli.ts';
import { run, startContainer } from '../support/lxc.ts';
import type { Container, RunResult } from '../support/lxc.ts';

/** What each place below runs: output on both streams, an exit code, and what there is to read. */
const COMMAND = `sh -c 'cat; echo out; echo err >&2; exit 7'`;

const PLACES = {
  'the environment of cron': 'env -i HOME=/root LOGNAME=root PATH=/usr/bin:/bin SHELL=/bin/sh',
  'no environment': 'env -i',
  'an empty PATH': 'env -i PATH=',
  'a HOME that is not there': 'env -i PATH=/usr/bin:/bin HOME=/nonexistent',
  'a locale that is not there': 'env -i PATH=/usr/bin:/bin LANG=xx_XX.UTF-8 LC_ALL=xx_XX',
  'a temporary folder that is not there': 'env -i PATH=/usr/bin:/bin TMPDIR=/nonexistent',
  'no session of its own terminal': 'env -i PATH=/usr/bin:/bin setsid --wait',
  'a tight umask': 'umask 777; env -i PATH=/usr/bin:/bin',
};

/** The locks are the host's. */
const LOCK = `plx-${process.pid}-environment`;

const INPUTS = { 'no standard input': '<&-', '/dev/null': '</dev/null', 'an empty pipe': '< <(:)' };

describe('exec with', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(async () => {
    rmSync(`${LOCK_DIRECTORY}/${LOCK}.lock`, { force: true });
    await container.destroy();
  });

  /** Runs a line of bash in /root, in which $lxcri is the CLI and $ct the container. */
  function shell(line: string): Promise<RunResult> {
    const env = { PATH: process.env['PATH'], lxcri: CLI, ct: container.name };
    return run(['bash', '-c', line], { cwd: '/root', env });
  }

  for (const [place, before] of Object.entries(PLACES)) {
    for (const [input, redirection] of Object.entries(INPUTS)) {
      it(`${place}, and ${input}`, async () => {
        const plain = await shell(`${before} "$lxcri" exec "$ct" -- ${COMMAND} ${redirection}`);
        expect([plain.exitCode, plain.stdout, plain.stderr]).to.deep.equal([7, 'out\n', 'err\n']);
        const flags = `--lock ${LOCK} --only-on-failure`;
        const report = await shell(`${before} "$lxcri" exec ${flags} "$ct" -- ${COMMAND} ${redirection}`);
        expect([report.exitCode, report.stdout]).to.deep.equal([7, 'out\n']);
        expect(report.stderr).to.match(/^proxmox-lxcri: plx-[\w-]*: sh: exit code 7 after [\w.]+\nerr\n$/);
      });
    }
  }

  it('no environment: help and mistakes are told as ever', async () => {
    const help = await shell('env -i "$lxcri" exec --help <&-');
    expect([help.exitCode, help.stderr]).to.deep.equal([0, '']);
    expect(help.stdout).to.include('--only-on-failure');
    const mistake = await shell('env -i "$lxcri" exec --lokc a "$ct" true <&-');
    expect([mistake.exitCode, mistake.stdout]).to.deep.equal([125, '']);
    expect(mistake.stderr).to.match(/^proxmox-lxcri: UsageError: unknown flag "--lokc"; did you mean --lock\?\n$/);
  });

  it('a directory that is gone', async () => {
    const inNoDirectory = (words: string) =>
      shell(`d=$(mktemp -d); cd "$d"; rmdir "$d"; env -i PATH=/usr/bin:/bin "$lxcri" exec ${words}`);
    const report = await inNoDirectory(`--lock ${LOCK} --only-on-failure "$ct" -- ${COMMAND}`);
    expect([report.exitCode, report.stdout]).to.deep.equal([7, 'out\n']);
    // The shell that the launcher is has its own word on it first.
    expect(report.stderr).to.match(/proxmox-lxcri: plx-[\w-]*: sh: exit code 7 after [\w.]+\nerr\n$/);
  });

  it('all of its streams closed', async () => {
    const closed = `<&- >&- 2>&-`;
    expect((await shell(`env -i "$lxcri" exec --only-on-failure "$ct" -- ${COMMAND} ${closed}`)).exitCode).to.equal(7);
    expect((await shell(`env -i "$lxcri" exec --only-on-failure "$ct" -- true ${closed}`)).exitCode).to.equal(0);
    expect((await shell(`env -i "$lxcri" exec --only-on-failure no-such true ${closed}`)).exitCode).to.equal(125);
  });
});
