/** Who calls, and from where: scripts, loops, cron, other users, with whatever they have done to their descriptors. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { run, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container, RunOptions, RunResult } from '../support/lxc.ts';

describe('a caller', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  /** Runs a line of shell in which $lxcri is the CLI and $ct the container. */
  function shell(line: string, options: RunOptions = {}): Promise<RunResult> {
    return run(['bash', '-c', line], {
      ...options,
      env: { PATH: process.env['PATH'], lxcri: CLI, ct: container.name, ...options.env },
    });
  }

  async function expectShell(line: string, exitCode: number, stdout: string, stderr = ''): Promise<void> {
    const done = await shell(line);
    expect([done.exitCode, done.stdout, done.stderr], line).to.deep.equal([exitCode, stdout, stderr]);
  }

  it('keeps the input of a while-read loop with --no-stdin', () =>
    expectShell(
      `printf 'a\\nb\\nc\\n' | while read -r line; do "$lxcri" exec --no-stdin "$ct" -- echo "$line"; done`,
      0,
      'a\nb\nc\n',
    ));

  it('shares its input with the command without it, as with ssh', () =>
    expectShell(
      `printf 'a\\nb\\nc\\n' | while read -r line; do "$lxcri" exec "$ct" -- sh -c 'echo "$0"; cat' "$line"; done`,
      0,
      'a\nb\nc\n',
    ));

  it('keeps its own descriptors: a lock is not held by a daemon in the container, nor a folder of the host seen', () =>
    expectShell(
      `exec 20</ 200</; "$lxcri" exec "$ct" -- sh -c 'for fd in /proc/self/fd/*; do echo "\${fd##*/}"; done' | grep -c -e 20`,
      1,
      '0\n',
    ));

  it('may hand an environment file over as a pipe', () =>
    expectShell(`A=caller "$lxcri" exec --env-file <(echo A; echo B=2) "$ct" -- sh -c 'echo $A $B'`, 0, 'caller 2\n'));

  it('is told that a result could not be written, and gets no success', async () => {
    const done = await shell('"$lxcri" exec --json "$ct" true >/dev/full');
    expect([done.exitCode, done.stdout]).to.deep.equal([255, '']);
    expect(done.stderr).to.match(/^proxmox-lxcri: ConnectionLost: .*ENOSPC.*; the command's exit code is 0\n$/);
  });

  it('is told nothing when the reader of a result has gone, as with SIGPIPE', () =>
    expectShell('set -o pipefail; "$lxcri" exec --json "$ct" -- head -c 300000 /dev/zero | true', 141, ''));

  it('gets words that look like options of Node as they are, bytes that are not UTF-8 among them', () =>
    expectShell(
      `"$lxcri" exec "$ct" -- printf '%s|' --env-file=/nonexistent $'\\xff_' --experimental-default-config-file | od -An -c | tr -d ' \\n'`,
      0,
      '--env-file=/nonexistent|377_|--experimental-default-config-file|',
    ));

  describe('may have closed', () => {
    it('standard input', () => expectShell('"$lxcri" exec "$ct" -- sh -c "cat; echo over; exit 7" <&-', 7, 'over\n'));
    it('standard output', () =>
      expectShell('"$lxcri" exec "$ct" -- sh -c "echo out; echo err >&2; exit 7" >&-', 7, '', 'err\n'));
    it('standard error', () =>
      expectShell('"$lxcri" exec "$ct" -- sh -c "echo out; echo err >&2; exit 7" 2>&-', 7, 'out\n'));
    it('all three', () => expectShell('"$lxcri" exec "$ct" -- sh -c "cat; echo out; exit 7" <&- >&- 2>&-', 7, ''));
    it('all three, with an error of ours', () => expectShell('"$lxcri" exec no-such true <&- >&- 2>&-', 125, ''));
    it('standard output, with --json, and gets no success', async () => {
      for (const [own, exitCode] of [
        [7, 7],
        [0, 255],
      ]) {
        // oxlint-disable-next-line no-await-in-loop
        const done = await shell(`"$lxcri" exec --json "$ct" -- sh -c "exit ${own}" >&-`);
        expect(done.exitCode).to.equal(exitCode);
        expect(done.stderr).to.match(/^proxmox-lxcri: ConnectionLost: .*closed.*\n$/);
      }
    });
    it('standard input, with --json', async () => {
      const done = await shell('"$lxcri" exec --json "$ct" -- sh -c "cat; exit 7" <&-');
      expect(resultOf({ exitCode: done.exitCode, stdout: done.stdoutBytes, stderr: done.stderrBytes })).to.include({
        exitCode: 7,
        stdout: '',
      });
    });
  });

  it('may have a full disk: the command is told', async () => {
    const { exitCode, stderr } = await shell('"$lxcri" exec "$ct" -- sh -c "echo out" >/dev/full');
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/^sh: write error: No space left on device\n$/);
  });

  it('may have descriptors of its own, which the command does not get', () =>
    expectShell(
      'exec 7</etc/passwd; "$lxcri" exec "$ct" -- sh -c "ls /proc/self/fd/7 2>/dev/null || echo none"',
      0,
      'none\n',
    ));

  it('keeps the owner and mode of files that it redirects from and to', () =>
    expectShell(
      `cd ${scratchDirectory()}; umask 027; touch in; chown 1000:1000 in; chmod 604 in
      "$lxcri" exec "$ct" -- true <in >out 2>err; stat -c '%a %u' in out err`,
      0,
      '604 1000\n640 0\n640 0\n',
    ));

  it('may redirect from and to files, append included', async () => {
    const directory = scratchDirectory();
    const bytes = randomBytes(3_000_000);
    writeFileSync(join(directory, 'in'), bytes);
    writeFileSync(join(directory, 'out'), 'before\n');
    await expectShell(`cd ${directory}; "$lxcri" exec "$ct" -- cat <in >>out`, 0, '');
    const expected = Buffer.concat([Buffer.from('before\n'), bytes]);
    expect(readFileSync(join(directory, 'out')).equals(expected)).to.equal(true);
  });

  it('may be in a directory that the container has too: the command is in / nevertheless', () =>
    expectShell('cd /tmp && "$lxcri" exec "$ct" -- pwd', 0, '/\n'));

  it('may have a file mode mask of its own, which the command does not get', async () => {
    await expectShell('umask 077; "$lxcri" exec "$ct" -- sh -c umask', 0, '0022\n');
    await expectShell('umask 0; "$lxcri" exec -u nobody "$ct" -- sh -c umask', 0, '0022\n');
  });

  it('may be in a directory that is gone', async () => {
    // What stands on standard error is the shell's own complaint, that of the launcher included.
    const { exitCode, stdout } = await shell('d=$(mktemp -d); cd "$d"; rmdir "$d"; "$lxcri" exec "$ct" -- pwd');
    expect([exitCode, stdout]).to.deep.equal([0, '/\n']);
  });

  it('may have no environment at all, as cron and hooks', () =>
    expectShell('env -i "$lxcri" exec "$ct" -- sh -c "echo works"', 0, 'works\n'));

  it('may have variables that mean something to our helpers', () =>
    expectShell(
      'export NODE_OPTIONS=--no-such PERL5OPT=-Mnosuch LXC_INIT_BIN=/x BASH_ENV=/x ENV=/x; "$lxcri" exec "$ct" -- sh -c "echo works"',
      0,
      'works\n',
    ));

  it('may call it through a symlink', async () => {
    const link = join(scratchDirectory(), 'lxcri');
    await expectShell(`ln -s "$lxcri" ${link}; cd /; ${link} exec "$ct" -- echo works`, 0, 'works\n');
  });

  it('may put it into a pipeline on both sides', () =>
    expectShell('echo in | "$lxcri" exec "$ct" -- cat | "$lxcri" exec "$ct" -- sed s/in/out/', 0, 'out\n'));

  describe('who is not root', () => {
    const SECRET = 'hunter2';
    // The capability lets it read this project wherever it is; it gives no power over a container.
    const asNobody =
      'setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search';

    for (const { flags, shown } of [
      { flags: `-e A=${SECRET}`, shown: '-e A=...' },
      { flags: `-eA=${SECRET}`, shown: '-eA=...' },
      { flags: `--env A=${SECRET}`, shown: '--env A=...' },
      { flags: `--env=A=${SECRET}`, shown: '--env=A=...' },
      { flags: `-ite 'A=${SECRET} ${SECRET}'`, shown: '-ite A=...' },
      { flags: `-iteA=${SECRET}`, shown: '-iteA=...' },
      { flags: `-e=A=${SECRET}`, shown: '-e=A=...' },
    ]) {
      it(`is shown the command to use, without the value of ${flags}`, async () => {
        const { exitCode, stdout, stderr } = await shell(`${asNobody} "$lxcri" exec ${flags} "$ct" -- ls -la '/a b'`);
        const line = expectErrorLine(Buffer.from(stderr), 'PermissionDenied');
        expect([exitCode, stdout]).to.deep.equal([125, '']);
        expect(line).not.to.include(SECRET);
        expect(line).to.include(`sudo proxmox-lxcri exec ${shown} ${container.name} -- ls -la '/a b'`);
      });
    }

    it('is told the same with --json', async () => {
      const done = await shell(`${asNobody} "$lxcri" exec --json -e A=${SECRET} "$ct" -- true`);
      expect(done.stdout).not.to.include(SECRET);
      const result = resultOf({ exitCode: done.exitCode, stdout: done.stdoutBytes, stderr: done.stderrBytes });
      expect(result.error?.code).to.equal('PermissionDenied');
      expect(result.error?.hint).to.match(/sudo proxmox-lxcri exec --json -e A=\.\.\. /);
    });
  });
});
