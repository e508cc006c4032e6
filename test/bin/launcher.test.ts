/** bin/proxmox-lxcri in a package of its own, where the program only tells how it was started. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { expect } from 'chai';

import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../bin/proxmox-lxcri');
const NODE_PACKAGE = dirname(dirname(process.execPath));

/** Prints the words as they reached the process, before Node decoded them. */
const PRINT_WORDS = `process.stdout.write(require('fs').readFileSync('/proc/self/cmdline'))`;

/** A package as npm unpacks it. */
function packageIn(folder: string, program = PRINT_WORDS): { root: string; launcher: string } {
  const root = join(folder, 'proxmox-lxcri');
  for (const name of ['bin', 'dist']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(LAUNCHER, join(root, 'bin/proxmox-lxcri'));
  writeFileSync(join(root, 'dist/start.cjs'), program);
  return { root, launcher: join(root, 'bin/proxmox-lxcri') };
}

/** The project's Node, whatever this machine is, under the name it has on x64 or arm64. */
function addNode(modules: string, architecture: 'x64' | 'arm64' = 'x64'): void {
  mkdirSync(modules, { recursive: true });
  symlinkSync(NODE_PACKAGE, join(modules, `node-linux-${architecture}`));
}

/** A package with its own Node below it. */
function installed(program?: string): { root: string; launcher: string } {
  const made = packageIn(scratchDirectory(), program);
  addNode(join(made.root, 'node_modules'));
  return made;
}

/** The words after Node, its two options, "--" and the program, as latin1 so that every byte can be seen. */
function words(cmdline: Buffer): string[] {
  return cmdline.toString('latin1').split('\0').slice(5, -1);
}

describe('bin/proxmox-lxcri', () => {
  it('passes every word on, byte for byte', async () => {
    const { launcher } = installed();
    const given = ['exec', '--', '', ' a  b ', '*', '$HOME', '`id`', '\\n', "it's", '"', 'line\nbreak\n', '-n', 'ä€'];
    const { exitCode, stdoutBytes } = await run([launcher, ...given]);
    expect(exitCode).to.equal(0);
    expect(words(stdoutBytes)).to.deep.equal(given.map((word) => Buffer.from(word).toString('latin1')));
  });

  it('keeps Node from compiling on threads, which could keep it from ending', async () => {
    const { launcher } = installed();
    const { stdoutBytes } = await run([launcher, 'word']);
    expect(stdoutBytes.toString().split('\0').slice(1, 4)).to.deep.equal([
      '--no-concurrent-recompilation',
      '--no-concurrent-sparkplug',
      '--',
    ]);
  });

  it('passes words on that are not UTF-8', async () => {
    const { launcher } = installed();
    const { stdoutBytes } = await run(['/bin/sh', '-c', 'exec "$0" "$(printf "a\\377\\200b")"', launcher]);
    expect(words(stdoutBytes)).to.deep.equal(['a\xff\x80b']);
  });

  it('finds the program in ../lib/proxmox-lxcri without a symlink, as the Debian package has it', async () => {
    const { root } = installed();
    const prefix = scratchDirectory();
    mkdirSync(join(prefix, 'bin'));
    mkdirSync(join(prefix, 'lib'));
    renameSync(root, join(prefix, 'lib/proxmox-lxcri'));
    const command = join(prefix, 'bin/proxmox-lxcri');
    copyFileSync(LAUNCHER, command);
    const { exitCode, stdoutBytes } = await run([command, 'word']);
    expect([exitCode, words(stdoutBytes)]).to.deep.equal([0, ['word']]);
  });

  it('works with its standard streams closed', async () => {
    const { launcher } = installed();
    const { exitCode, stdoutBytes } = await run(['/bin/sh', '-c', 'exec "$0" word <&- 2>&-', launcher]);
    expect(exitCode).to.equal(0);
    expect(words(stdoutBytes)).to.deep.equal(['word']);
  });

  it('is found through absolute and relative symlinks, and symlinks to them', async () => {
    const { root, launcher } = installed();
    const links = join(root, 'links');
    mkdirSync(links);
    symlinkSync(launcher, join(links, 'absolute'));
    symlinkSync('../bin/proxmox-lxcri', join(links, 'relative'));
    symlinkSync('relative', join(links, 'twice'));
    for (const link of ['absolute', 'relative', 'twice']) {
      // oxlint-disable-next-line no-await-in-loop
      const { exitCode, stdoutBytes } = await run([join(links, link), link]);
      expect(exitCode, link).to.equal(0);
      expect(words(stdoutBytes), link).to.deep.equal([link]);
    }
  });

  it('is found by a bare name in the current directory', async () => {
    const { root } = installed();
    const { stdoutBytes } = await run(['/bin/sh', 'proxmox-lxcri', 'word'], { cwd: join(root, 'bin') });
    expect(words(stdoutBytes)).to.deep.equal(['word']);
  });

  it('takes the Node that npm put beside the package', async () => {
    const modules = join(scratchDirectory(), 'node_modules');
    const { launcher } = packageIn(modules);
    addNode(modules, 'arm64');
    const { exitCode } = await run([launcher], { env: { PATH: '/nonexistent' } });
    expect(exitCode).to.equal(0);
  });

  it('takes the Node on PATH where there is none of its own', async () => {
    const { launcher } = packageIn(scratchDirectory());
    const { exitCode, stdoutBytes } = await run([launcher, 'word'], { env: { PATH: dirname(process.execPath) } });
    expect(exitCode).to.equal(0);
    expect(words(stdoutBytes)).to.deep.equal(['word']);
  });

  it('says in one line that there is no Node', async () => {
    const { launcher } = packageIn(scratchDirectory());
    const { exitCode, stdout, stderr } = await run([launcher], { env: { PATH: '/nonexistent' } });
    expect([exitCode, stdout]).to.deep.equal([125, '']);
    expect(stderr).to.match(/^proxmox-lxcri: no Node\.js: .*\n$/);
  });

  it('says in one line how to make what is not built', async () => {
    const { root, launcher } = installed();
    rmSync(join(root, 'dist'), { recursive: true });
    const { exitCode, stdout, stderr } = await run([launcher]);
    expect([exitCode, stdout]).to.deep.equal([125, '']);
    expect(stderr).to.match(/^proxmox-lxcri: .* is missing; make it with: npm run build\n$/);
  });

  it('keeps from its own Node what the environment says to Node, and puts it back for who passes it on', async () => {
    const start = readFileSync(new URL('../../scripts/build/start.cjs', import.meta.url), 'utf8');
    const { root, launcher } = installed(start);
    writeFileSync(join(root, 'dist', 'main.cjs'), 'console.log(process.env.NODE_OPTIONS, process.env.NODE_CHANNEL_FD)');
    const { exitCode, stdout } = await run([launcher], {
      env: { NODE_OPTIONS: '--no-such-option', NODE_CHANNEL_FD: '99' },
    });
    expect([exitCode, stdout]).to.deep.equal([0, '--no-such-option 99\n']);
  });

  it('keeps words from its own Node that look like options of Node', async () => {
    const start = readFileSync(new URL('../../scripts/build/start.cjs', import.meta.url), 'utf8');
    const { root, launcher } = installed(start);
    const evil = join(root, 'evil.cjs');
    writeFileSync(evil, 'console.log("evil")');
    writeFileSync(join(root, 'evil.env'), `NODE_OPTIONS=--require=${evil}\n`);
    writeFileSync(join(root, 'node.config.json'), JSON.stringify({ nodeOptions: { require: [evil] } }));
    writeFileSync(join(root, 'dist', 'main.cjs'), 'console.log(JSON.stringify(process.argv.slice(2)))');
    for (const given of [
      ['exec', '--env-file', 'evil.env', 'web'],
      ['exec', 'web', 'echo', '--env-file=evil.env'],
      ['exec', 'web', '--', 'echo', '--env-file-if-exists=evil.env', '', '_x'],
      ['exec', 'web', '--', 'echo', '--experimental-default-config-file'],
      ['exec', 'web', '--', 'echo', '--experimental-config-file=node.config.json'],
    ]) {
      // oxlint-disable-next-line no-await-in-loop
      const { exitCode, stdout, stderr } = await run([launcher, ...given], { cwd: root });
      expect([exitCode, stderr], given.join(' ')).to.deep.equal([0, '']);
      expect(JSON.parse(stdout), given.join(' ')).to.deep.equal(given);
    }
  });
});
