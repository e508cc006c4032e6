/**
 * `agent export`, and docs/microvms.md: what they give people is booted as it says, in a guest with a kernel of its own.
 */
import { cpSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { expect } from 'chai';

import { AGENT_SOURCES } from '../../scripts/guest-agent.ts';
import { putAgents } from '../../scripts/package/agent.ts';
import { cpio, FILE } from '../../src/guest-agent/cpio.ts';
import { ownArchitecture } from '../../src/guest-agent/parts.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { CLI, runCli } from '../methods/contract/cli.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { needs } from '../support/component.ts';
import { needsGo } from '../support/go.ts';
import { plainSystem } from '../support/microvm/guest.ts';
import { startMicroVm } from '../support/microvm/microvm.ts';
import { needsMicroVm } from '../support/microvm/needs.ts';
import { adapted, Recipes } from '../support/recipes.ts';
import { must, run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { documentOf } from './verb-call.ts';

const ROOT = join(AGENT_SOURCES, '..');

/** Building the agents takes minutes where that was never done. */
const BUILDING_MS = 900_000;

describe('agent export', function () {
  this.timeout(200_000);

  const recipes = new Recipes('docs/microvms.md');
  // Taken here, so that a test can be tried once more.
  const typedWords = {
    export: recipes.take('Export', 'sh'),
    exportJson: recipes.take('Export', 'sh'),
    append: recipes.take('A guest that runs from an initramfs', 'sh'),
    systemd: recipes.take('A guest with systemd', 'sh'),
    run: recipes.take('Running a command', 'sh'),
  };
  const sampleDocument = recipes.take('Export', 'json');
  let guest: string;

  before(function () {
    this.timeout(BUILDING_MS);
    needsGo(this);
    putAgents();
    guest = join(scratchDirectory(), 'guest');
  });

  /** Types what the document says, with other words. */
  async function typed(
    recipe: keyof typeof typedWords,
    words: Record<string, string>,
  ): Promise<{ code: number | null; out: string; err: string }> {
    const env = { ...process.env, PATH: `${dirname(CLI)}:${process.env['PATH']}`, PROXMOX_LXCRI_CONFIG: '/dev/null' };
    const script = adapted(typedWords[recipe], words);
    const { exitCode: code, stdout: out, stderr: err } = await run(['sh', '-e', '-c', script], { cwd: '/', env });
    return { code, out, err };
  }

  /** For a test that is tried alone, or once more. */
  async function exported(): Promise<void> {
    expect((await runCli(['agent', 'export', '--force', guest])).exitCode).to.equal(0);
  }

  it('writes a program of this version, an initramfs and a unit', async () => {
    rmSync(guest, { recursive: true, force: true });
    const done = await typed('export', { '/srv/guest': guest });
    expect([done.code, done.err]).to.deep.equal([0, '']);
    expect(done.out.match(/(?<=\/)proxmox-lxcri-agent\S*/g)).to.deep.equal(readdirSync(guest));
    const program = join(guest, 'proxmox-lxcri-agent');
    expect(statSync(program).mode & 0o7777).to.equal(0o755);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    if (ownArchitecture() !== undefined) expect((await must([program, '--version'])).stdout).to.equal(`${version}\n`);
  });

  it('says as a document what it has written, as it is shown', async () => {
    const done = await typed('exportJson', { '/srv/guest': guest });
    expect([done.code, done.err]).to.deep.equal([0, '']);
    const shown = documentOf('agent-export', { stdout: Buffer.from(done.out), stderr: Buffer.alloc(0) });
    const sample = adapted(sampleDocument, { '/srv/guest': guest });
    // The unit changes, and this machine may be of the other kind.
    const known = (text: string): string => text.replaceAll(/"(?:bytes|sha256|architecture)":[^,}]+/g, '');
    expect(known(JSON.stringify(shown))).to.equal(known(sample).trim());
  });

  it('writes what machines of the other kind need', async () => {
    const other = ownArchitecture() === 'arm64' ? 'amd64' : 'arm64';
    const directory = join(scratchDirectory(), 'other');
    const done = await runCli(['agent', 'export', '--json', '--arch', other, '--only', 'systemd,binary', directory]);
    expect(done.exitCode).to.equal(0);
    expect(documentOf('agent-export', done)).to.deep.include({ architecture: other, directory, error: null });
    expect(readdirSync(directory)).to.deep.equal(['proxmox-lxcri-agent', 'proxmox-lxcri-agent.service']);
    // Of an ELF file the machine is at 18.
    const machine = readFileSync(join(directory, 'proxmox-lxcri-agent')).readUInt16LE(18);
    expect(machine).to.equal({ amd64: 62, arm64: 183 }[other]);
  });

  it('replaces nothing that it was not told to', async () => {
    const directory = scratchDirectory();
    const file = join(directory, 'proxmox-lxcri-agent.service');
    writeFileSync(file, 'mine');
    const words = ['agent', 'export', '--only', 'systemd', directory];
    const refused = await runCli(words);
    expect(expectErrorLine(refused.stderr, 'UsageError')).to.match(/is there already; .*--force/);
    expect([refused.exitCode, readFileSync(file, 'utf8')]).to.deep.equal([125, 'mine']);
    expect((await runCli([...words, '--force'])).exitCode).to.equal(0);
    expect(readFileSync(file, 'utf8')).to.include('[Service]');
  });

  for (const [what, words, says] of [
    ['no directory', [], /no directory was named; usage: /],
    [
      'an unknown part',
      ['--only', 'binary,unit', '/nonexistent/x'],
      /--only: there is no part "unit"; use one or more of/,
    ],
    ['machines of a third kind', ['--arch', 'riscv64', '/nonexistent/x'], /--arch=riscv64 to be one of: amd64, arm64/],
    ['a directory in none', ['/nonexistent/x'], /there is no directory \/nonexistent; make it first: mkdir -p/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const text = await runCli(['agent', 'export', ...words]);
      expect(text.exitCode).to.equal(125);
      expect(expectErrorLine(text.stderr, 'UsageError')).to.match(says);
      const json = await runCli(['agent', 'export', '--json', ...words]);
      expect(documentOf('agent-export', json).error).to.include({ code: 'UsageError' });
    });
  }

  it('says what to do in an installation without an agent', async () => {
    const root = scratchDirectory();
    for (const name of ['bin', 'dist', 'package.json', 'oclif.manifest.json']) {
      cpSync(join(ROOT, name), join(root, name), {
        recursive: true,
        filter: (path) => !path.endsWith('dist/guest-agent'),
      });
    }
    const done = await run([join(root, 'bin/proxmox-lxcri'), 'agent', 'export', guest, '--force']);
    expect(done.exitCode).to.equal(125);
    expect(expectErrorLine(Buffer.from(done.stderr), 'OperationFailed')).to.match(
      /holds no guest agent for .*; install/,
    );
  });

  it('gives a unit that systemd takes, where docs/microvms.md puts it', async function () {
    for (const tool of ['systemctl', 'systemd-analyze']) needs(this, tool, findExecutable(tool) !== undefined);
    await exported();
    const root = scratchDirectory();
    const done = await typed('systemd', { '/srv/guest': guest, '/mnt': root });
    expect(done.code, done.err).to.equal(0);
    const unit = 'etc/systemd/system/proxmox-lxcri-agent.service';
    const enabled = join(root, 'etc/systemd/system/multi-user.target.wants/proxmox-lxcri-agent.service');
    expect(readlinkSync(enabled)).to.equal(`/${unit}`);
    // Of the units that it names some are not in this root.
    const verified = await run([
      'systemd-analyze',
      `--root=${root}`,
      '--recursive-errors=no',
      'verify',
      join(root, unit),
    ]);
    expect([verified.exitCode, verified.stderr]).to.deep.equal([0, '']);
  });

  describe('in a guest', () => {
    before(async function () {
      needsMicroVm(this);
      await exported();
    });

    /** What a user has: a small system, and perhaps an init of its own. */
    function userInitramfs(init?: string): Buffer {
      const own = init === undefined ? [] : [{ path: 'init', mode: FILE | 0o755, content: init }];
      return cpio([...plainSystem(), ...own]);
    }

    const PARAMETERS = ['rdinit=/proxmox-lxcri/init'];

    it('is started by its initramfs alone, as the first process, and runs commands', async () => {
      writeFileSync(join(guest, 'initramfs'), gzipSync(userInitramfs()));
      const appended = await typed('append', { '/srv/guest': guest });
      expect([appended.code, appended.err]).to.deep.equal([0, '']);
      const initramfs = readFileSync(join(guest, 'initramfs-with-agent'));
      const vm = await startMicroVm({ initramfs, parameters: PARAMETERS });
      try {
        const done = await typed('run', { '/run/vm.sock': vm.hybridSocket });
        expect(done).to.deep.equal({ code: 42, out: 'out\n', err: 'err\n' });
        const script = `cat /proc/1/comm; awk '{ print $2, $3 }' /proc/mounts; stat -c %a /dev/ptmx /dev/shm
          cat /dev/fd/0 /dev/stdin </dev/null; echo error >/dev/stderr; echo output >/dev/stdout`;
        const { stdout, stderr } = await runCli(['exec', `vsock:${vm.hybridSocket}`, '--', 'sh', '-c', script]);
        expect(stdout.toString().split('\n')).to.deep.equal([
          'proxmox-lxcri-a',
          '/ rootfs',
          '/proc proc',
          '/sys sysfs',
          '/dev devtmpfs',
          '/dev/pts devpts',
          '/dev/shm tmpfs',
          '/sys/fs/cgroup cgroup2',
          '666',
          '1777',
          'output',
          '',
        ]);
        expect(stderr.toString()).to.equal('error\n');
        const terminal = await runCli(['exec', '-t', `vsock:${vm.hybridSocket}`, '--', 'tty']);
        expect(terminal.stdout.toString()).to.match(/^\/dev\/pts\/\d+\r\n$/);
      } finally {
        await vm.stop();
      }
    });

    it("leaves the guest to its own init, with the kernel's words, and is started again when it ends", async () => {
      const init = `#!/bin/sh\nmount -t proc proc /proc 2>/dev/null\necho "own init: $0 $*"\nexec /sbin/init\n`;
      const initramfs = Buffer.concat([userInitramfs(init), readFileSync(join(guest, 'proxmox-lxcri-agent.cpio.gz'))]);
      const flags = 'LXCRI_AGENT_FLAGS="--listen vsock:2223 --max-sessions 3"';
      const vm = await startMicroVm({ initramfs, parameters: [...PARAMETERS, 'ownword', flags], port: 2223 });
      const target = `vsock:${vm.hybridSocket}:2223`;
      const said = async (...command: string[]): Promise<string> => {
        const done = await runCli(['exec', '--wait-for-agent', '60s', target, '--', ...command]);
        expect([done.exitCode, done.stderr.toString()]).to.deep.equal([0, '']);
        return done.stdout.toString().trim();
      };
      try {
        await waitFor(() => /own init: \/init .*\bownword\b/.test(vm.log()), { what: 'its own init' });
        expect(await said('cat', '/proc/1/comm')).to.equal('init');
        const before = await said('pidof', 'proxmox-lxcri-agent');
        expect((await said('cat', `/proc/${before}/cmdline`)).split('\0').slice(1, -1)).to.deep.equal([
          '--listen',
          'vsock:2223',
          '--max-sessions',
          '3',
        ]);
        const killed = await runCli(['exec', target, '--', 'kill', '-9', before]);
        expect(killed.exitCode).to.equal(255);
        expect(await said('pidof', 'proxmox-lxcri-agent')).not.to.equal(before);
      } finally {
        await vm.stop();
      }
    });

    it('is the first process where the init that was named is not there', async () => {
      const initramfs = Buffer.concat([
        userInitramfs('#!/bin/sh\nexec /sbin/init\n'),
        readFileSync(join(guest, 'proxmox-lxcri-agent.cpio.gz')),
      ]);
      const vm = await startMicroVm({ initramfs, parameters: [...PARAMETERS, 'LXCRI_INIT=/sbin/missing'] });
      try {
        expect(vm.log()).to.include('lxcri-agent-init: there is no /sbin/missing');
        const { stdout } = await runCli(['exec', `vsock:${vm.hybridSocket}`, '--', 'cat', '/proc/1/comm']);
        expect(stdout.toString()).to.equal('proxmox-lxcri-a\n');
      } finally {
        await vm.stop();
      }
    });
  });

  it('has nothing else in its document but what cannot be had here, which it says', () => {
    for (const [heading, language] of [
      ['Cloud Hypervisor', 'console'],
      ['Firecracker', 'console'],
      ['QEMU', 'console'],
      ['Proxmox VE', 'console'],
    ] as const) {
      expect(recipes.take(heading, language)).to.match(/^# /);
    }
    const configuration = JSON.parse(recipes.take('Firecracker', 'json')) as Record<string, Record<string, string>>;
    expect(configuration['boot-source']?.['boot_args']).to.include('rdinit=/proxmox-lxcri/init');
    expect(recipes.left()).to.deep.equal([]);
  });
});
