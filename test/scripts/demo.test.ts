/** `npm run demo`: what it shows, what it leaves behind, and when it installs something. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { findExecutable } from '../../src/process/executable.ts';
import { type Argv, run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { tracesOf } from '../support/traces.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DEMO: Argv = [process.execPath, join(ROOT, 'scripts/demo.ts')];

/** The container's name, as the demo tells it. */
function nameIn(stderr: string): string {
  return /container (lxcri-demo-\d+) is running/.exec(stderr)?.[1] ?? expect.fail(`no container in: ${stderr}`);
}

/** A folder for PATH with one program in it. */
function folderWith(program: string, script: string): string {
  const folder = scratchDirectory();
  writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, program), 0o755);
  return folder;
}

describe('npm run demo', () => {
  it('shows the text form, the exit code and the structured result, and removes the container', async () => {
    const { exitCode, stdout, stderr } = await run(DEMO);
    expect(exitCode, stderr).to.equal(0);
    const name = nameIn(stderr);
    const script = `'echo to standard output; echo to standard error >&2; exit 42'`;
    const [text, json] = stdout.split(/^\$ proxmox-lxcri exec --json .* \| jq\n/m);
    expect(text).to.equal(`$ proxmox-lxcri exec ${name} -- sh -c ${script}\nto standard output\n$ echo $?\n42\n\n`);
    expect(stderr).to.match(/^to standard error$/m);
    expect(JSON.parse(json ?? '')).to.deep.include({
      exitCode: 42,
      stdout: 'to standard output\n',
      stderr: 'to standard error\n',
      method: 'lxc-attach',
    });
    expect(json).to.match(/^ {2}"exitCode": 42,$/m);
    expect(tracesOf([name])).to.deep.equal([]);
  });

  it('removes the container when it is interrupted', async () => {
    const [file, ...args] = DEMO;
    const demo = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    demo.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
    demo.stderr.once('data', () => demo.kill('SIGINT'));
    const exitCode = await new Promise((settle) => demo.on('close', settle));
    expect(exitCode, stderr).to.equal(130);
    expect(tracesOf([nameIn(stderr)])).to.deep.equal([]);
  });

  it('removes the container when nobody reads what it shows', async () => {
    const log = join(scratchDirectory(), 'log');
    // Both streams are closed after the first line.
    const line = '"$@" 2>&1 | head -n 1 >"$0"';
    await run(['bash', '-c', line, log, ...DEMO]);
    expect(tracesOf([nameIn(readFileSync(log, 'utf8'))])).to.deep.equal([]);
  });

  it('fails and removes the container when the command cannot be run', async () => {
    const folder = folderWith('lxc-attach', 'exit 1');
    const { exitCode, stderr } = await run(DEMO, { env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` } });
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/^demo: expected exit code 42, got 125$/m);
    expect(tracesOf([nameIn(stderr)])).to.deep.equal([]);
  });

  it('wants to be root, in one line', async () => {
    const { exitCode, stdout, stderr } = await run(['unshare', '--user', ...DEMO]);
    expect([exitCode, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.match(/^demo: .*sudo npm run demo\n$/);
  });

  it('refuses arguments it does not know', async () => {
    const { exitCode, stderr } = await run([...DEMO, '-y']);
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/^demo: unknown argument -y; .*--yes\n$/);
  });

  describe('where lxc-attach is not installed', () => {
    const HIDE = `mount --bind /dev/null ${findExecutable('lxc-attach')}; exec "$@"`;

    /** An apt-get that writes its words down, and "installs" what the mount namespace hides. */
    function host(proxmox: boolean): { env: NodeJS.ProcessEnv; aptCalls: () => string[] } {
      const log = join(scratchDirectory(), 'apt.log');
      const folder = folderWith(
        'apt-get',
        `echo "$*" >>${log}; [ "$1" != install ] || umount ${findExecutable('lxc-attach')}`,
      );
      const pve = join(scratchDirectory(), 'pve');
      if (proxmox) mkdirSync(pve);
      return {
        env: { ...process.env, PATH: `${folder}:${process.env['PATH']}`, PROXMOX_LXCRI_PVE_DIR: pve },
        aptCalls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
      };
    }

    const hidden = (...words: string[]): Argv => ['unshare', '--mount', 'sh', '-c', HIDE, 'sh', ...DEMO, ...words];
    const INSTALL = ['update -q', 'install -q -y --no-install-recommends lxc'];

    it('installs it and goes on, without a terminal', async () => {
      const { env, aptCalls } = host(false);
      const { exitCode, stdout, stderr } = await run(hidden(), { env });
      expect(exitCode, stderr).to.equal(0);
      expect(aptCalls()).to.deep.equal(INSTALL);
      expect(stdout).to.include('$ echo $?\n42\n');
    });

    it('installs nothing on a Proxmox node without a terminal, and says what to run', async () => {
      const { env, aptCalls } = host(true);
      const { exitCode, stdout, stderr } = await run(hidden(), { env });
      expect([exitCode, stdout, aptCalls()]).to.deep.equal([1, '', []]);
      expect(stderr).to.match(/^demo: .*run: apt-get install --no-install-recommends lxc\n$/);
    });

    it('installs it on a Proxmox node with --yes', async () => {
      const { env, aptCalls } = host(true);
      const { exitCode, stderr } = await run(hidden('--yes'), { env });
      expect(exitCode, stderr).to.equal(0);
      expect(aptCalls()).to.deep.equal(INSTALL);
    });

    for (const [answer, installs] of [
      ['y', true],
      ['n', false],
      ['', false],
    ] as const) {
      it(`asks at a terminal, and ${installs ? 'installs it' : 'installs nothing'} on "${answer}"`, async () => {
        const { env, aptCalls } = host(true);
        const words = hidden().map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
        const { exitCode, stdout } = await run(['script', '-qec', words.join(' '), '/dev/null'], {
          env,
          input: `${answer}\n`,
        });
        expect(stdout).to.include('Install lxc? [y/N]');
        expect(aptCalls()).to.deep.equal(installs ? INSTALL : []);
        expect(exitCode, stdout).to.equal(installs ? 0 : 1);
      });
    }
  });
});
