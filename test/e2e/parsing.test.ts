/** How the words of a call are understood, seen from inside the container. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { runCli } from '../methods/contract/cli.ts';
import type { CliOptions } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';

describe('the words of exec', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  async function outputOf(words: readonly string[], options: CliOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await runCli(['exec', ...words], options);
    expect([exitCode, stderr.toString()]).to.deep.equal([0, '']);
    return stdout.toString();
  }

  it('flags may stand before and after the container', async () => {
    const lines = (await outputOf([container.name, '-w', '/tmp', '-u', 'nobody', '-e', 'A=1', 'env'])).split('\n');
    expect(lines).to.include.members(['A=1', 'USER=nobody', 'HOME=/']);
    expect(await outputOf(['-w', '/tmp', container.name, '-u', 'nobody', 'sh', '-c', 'pwd; id -un'])).to.equal(
      '/tmp\nnobody\n',
    );
  });

  const asked = ['sh', '-c', 'test -t 0 && echo tty; id -un; pwd; echo "${K-unset}"'];
  const rows: { flags: string[]; output: string }[] = [
    { flags: ['-it'], output: 'tty\r\nroot\r\n/\r\nunset\r\n' },
    { flags: ['-ti'], output: 'tty\r\nroot\r\n/\r\nunset\r\n' },
    { flags: ['-itunobody'], output: 'tty\r\nnobody\r\n/\r\nunset\r\n' },
    { flags: ['-itu', 'nobody'], output: 'tty\r\nnobody\r\n/\r\nunset\r\n' },
    { flags: ['-t', '-T'], output: 'root\n/\nunset\n' },
    { flags: ['-T', '-t'], output: 'tty\r\nroot\r\n/\r\nunset\r\n' },
    { flags: ['-uroot'], output: 'root\n/\nunset\n' },
    { flags: ['-u=nobody'], output: 'nobody\n/\nunset\n' },
    { flags: ['--user=nobody'], output: 'nobody\n/\nunset\n' },
    { flags: ['-u', 'root', '--user', 'nobody'], output: 'nobody\n/\nunset\n' },
    { flags: ['--env=K=V'], output: 'root\n/\nV\n' },
    { flags: ['--env', 'K=--json'], output: 'root\n/\n--json\n' },
    { flags: ['-eK=V=W'], output: 'root\n/\nV=W\n' },
    { flags: ['--env=K='], output: 'root\n/\n\n' },
    { flags: ['--workdir', '/tmp'], output: 'root\n/tmp\nunset\n' },
    { flags: ['--cwd=/tmp'], output: 'root\n/tmp\nunset\n' },
    { flags: ['-w/tmp'], output: 'root\n/tmp\nunset\n' },
    { flags: ['--timeout', '1h30m', '--kill-after=500ms'], output: 'root\n/\nunset\n' },
    { flags: ['--method=lxc-attach,pct'], output: 'root\n/\nunset\n' },
  ];
  for (const { flags, output } of rows) {
    it(flags.join(' '), async () => {
      expect(await outputOf([...flags, container.name, '--', ...asked])).to.equal(output);
      expect(await outputOf([container.name, ...flags, ...asked])).to.equal(output);
    });
  }

  it('every word after the first of the command is the command’s', async () => {
    expect(await outputOf([container.name, 'echo', '-w', '/tmp', '--json', '--', '-u'])).to.equal(
      '-w /tmp --json -- -u\n',
    );
    expect(await outputOf([container.name, '--', 'echo', '--', '--tty'])).to.equal('-- --tty\n');
    expect(await outputOf(['--', container.name, 'echo'].slice(1))).to.equal('\n');
  });

  it('after -- the command may look like a flag', async () => {
    for (const word of ['-x', '--json', '-']) {
      const { exitCode, stderr } = await runCli(['exec', container.name, '--', word]);
      expect(exitCode, word).to.equal(127);
      expect(expectErrorLine(stderr, 'CommandNotFound')).to.include(JSON.stringify(word));
    }
  });

  it('a program whose name looks like an option is run', async () => {
    const setUp = "printf '#!/bin/sh\\necho ran $1\\n' >/usr/bin/-v; chmod 755 /usr/bin/-v";
    await container.attach(['sh', '-c', setUp]);
    expect(await outputOf([container.name, '--', '-v', 'it'])).to.equal('ran it\n');
  });

  it('an empty command word is no command', async () => {
    const { exitCode, stderr } = await runCli(['exec', container.name, '--', '']);
    expect(exitCode).to.equal(127);
    expectErrorLine(stderr, 'CommandNotFound');
  });

  it('lxc: and a bare name mean the same container', async () => {
    expect(await outputOf([`lxc:${container.name}`, 'hostname'])).to.equal(`${container.name}\n`);
    expect(await outputOf([container.name, 'hostname'])).to.equal(`${container.name}\n`);
  });

  it('an env file holds a variable a line; -e wins', async () => {
    const file = join(scratchDirectory(), 'variables');
    writeFileSync(file, '# comment\n\nONE=1 # part of it\n  TWO= two \r\nFROM_CALLER\nTHREE=file\nFOUR="4"');
    const words = ['--env-file', file, '-e', 'THREE=flag', container.name, '--'];
    const print = ['sh', '-c', 'printf "%s|" "$ONE" "$TWO" "$FROM_CALLER" "$THREE" "$FOUR"'];
    expect(await outputOf([...words, ...print], { env: { FROM_CALLER: 'caller' } })).to.equal(
      '1 # part of it| two |caller|flag|"4"|',
    );
  });

  it('an env file is for the command alone: our own Node does not act on it', async () => {
    const [directory, evil] = [scratchDirectory(), 'evil.cjs'];
    writeFileSync(join(directory, evil), 'console.log("this ran on the host")');
    const value = `--require ${join(directory, evil)}`;
    writeFileSync(join(directory, 'variables'), `NODE_OPTIONS=${value}\n`);
    const words = [
      '--env-file',
      join(directory, 'variables'),
      container.name,
      '--',
      'sh',
      '-c',
      'echo "$NODE_OPTIONS"',
    ];
    expect(await outputOf(words)).to.equal(`${value}\n`);
  });

  it('the command may have an option named like one of Node’s', async () => {
    for (const word of ['--env-file=/no/such/file', '--env-file-if-exists=/etc/passwd']) {
      expect(await outputOf([container.name, 'echo', word])).to.equal(`${word}\n`);
    }
  });

  it('--quiet shows none of the output, only how it ended', async () => {
    const words = ['exec', '-q', container.name, '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'];
    const { exitCode, stdout, stderr } = await runCli(words);
    expect([exitCode, stdout.toString()]).to.deep.equal([3, '']);
    expect(stderr.toString()).to.match(/^proxmox-lxcri: .*exit code 3 \(.*\)\n$/);
  });

  it('--quiet --json gives the result without output', async () => {
    const words = ['exec', '-q', '--json', container.name, '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'];
    expect(resultOf(await runCli(words))).to.include({ exitCode: 3, stdout: '', stderr: '', error: null });
  });

  it('--verbose says on standard error what was tried, and leaves the rest as it is', async () => {
    const words = ['exec', '-v', container.name, '--', 'sh', '-c', 'echo out; exit 3'];
    const { exitCode, stdout, stderr } = await runCli(words);
    expect([exitCode, stdout.toString()]).to.deep.equal([3, 'out\n']);
    const lines = stderr.toString().split('\n').slice(0, -1);
    for (const line of lines) expect(line).to.match(/^proxmox-lxcri: /);
    expect(lines.join('\n'))
      .to.match(/pct: skipped \(not a Proxmox container\)/)
      .and.to.match(/lxc-attach: used/);
    expect(lines.at(-1)).to.match(/exit code 3/);
  });

  it('--verbose names no container that was not found', async () => {
    const { exitCode, stderr } = await runCli(['exec', '-v', 'lxc:plx-no-such-container', '--', 'true']);
    expect(exitCode).to.equal(125);
    expect(stderr.toString()).to.match(/^proxmox-lxcri: execution [0-9a-f-]{36}: exit code 125 after /);
  });

  it('--help is shown wherever our flags may stand, and nothing runs', async () => {
    for (const words of [['--help'], ['-h'], [container.name, '--help', 'true']]) {
      const help = await outputOf(words);
      expect(help)
        .to.match(/USAGE\n/)
        .and.to.include('--max-output')
        .and.to.include('-u, --user');
    }
    expect(await outputOf([container.name, 'echo', '--help'])).to.equal('--help\n');
  });

  it('--version names the program and its version', async () => {
    const { exitCode, stdout } = await runCli(['--version']);
    expect(exitCode).to.equal(0);
    expect(stdout.toString()).to.match(/^proxmox-lxcri\/\d+\.\d+\.\d+ /);
  });
});
