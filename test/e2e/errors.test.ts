/** What a user is told when something is wrong: in the text form one line on standard error, with --json a result. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { ErrorCode } from '../../src/model/errors.ts';
import { runCli } from '../methods/contract/cli.ts';
import type { Word } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { createContainer, DEFAULT_LXCPATH, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { createPveTree } from '../support/pve/tree.ts';

/** VMIDs that no host of ours has: containers of a Proxmox node live in LXC's own directory. */
const BASE = 700_000_000 + (process.pid % 1_000_000) * 100;
const VMID = { running: BASE, backedUp: BASE + 1, stopped: BASE + 2, twin: BASE + 3, otherTwin: BASE + 4 };
const ELSEWHERE = BASE + 5;
const MACHINE = BASE + 6;
const UNKNOWN = BASE + 7;

/** Runs where it must not. */
const TOUCH = ['touch', '/tmp/must-not-be-there'];

/** Stands for a secret in values that are never shown. */
const SECRET = 'hunter2';

interface Wrong {
  readonly words: readonly Word[];
  readonly code: ErrorCode;
  /** What the line must hold beside the code. */
  readonly says?: RegExp;
  readonly env?: NodeJS.ProcessEnv;
}

describe('errors', () => {
  const files = scratchDirectory();
  const otherPath = scratchDirectory();
  const tree = createPveTree({
    node: 'pve1',
    containers: [
      { vmid: VMID.running, hostname: 'running-ct' },
      { vmid: VMID.backedUp, hostname: 'backed-up', lock: 'backup' },
      { vmid: VMID.stopped, hostname: 'stopped-ct' },
      { vmid: VMID.twin, hostname: 'twin' },
      { vmid: VMID.otherTwin, hostname: 'twin' },
      { vmid: ELSEWHERE, hostname: 'elsewhere', node: 'pve2' },
    ],
    qemu: [{ vmid: MACHINE, name: 'machine' }],
    members: [{ name: 'pve2', online: false }],
  });
  const onNode = { PROXMOX_LXCRI_PVE_DIR: tree.dir };
  const everywhere = { PROXMOX_LXCRI_LXCPATH: `${DEFAULT_LXCPATH}:${otherPath}` };
  let plain: Container;
  let containers: Container[];

  before(async () => {
    const name = `plx-${process.pid}-errors`;
    const frozen = await startContainer({ kind: 'busybox', name: `${name}-frozen` });
    await frozen.freeze();
    plain = await startContainer({ kind: 'busybox', name });
    containers = [
      plain,
      frozen,
      await createContainer({ kind: 'busybox', name: `${name}-stopped` }),
      await createContainer({ kind: 'busybox', name, lxcpath: otherPath }),
      await startContainer({ kind: 'busybox', name: String(VMID.running) }),
      await createContainer({ kind: 'busybox', name: String(VMID.stopped) }),
    ];
    writeFileSync(join(files, 'latin1.env'), Buffer.from('A=\xe4\n', 'latin1'));
    writeFileSync(join(files, 'wrong.env'), `# fine\nA=1\n\n${SECRET} ${SECRET}\n`);
  });

  after(async () => {
    for (const container of containers) await container.destroy();
  });

  afterEach('nothing was started', async () => {
    const [name = ''] = TOUCH.slice(1);
    expect((await plain.attach(['test', '!', '-e', name])).exitCode, `${name} in the container`).to.equal(0);
  });

  function itSays(what: string, wrong: () => Wrong): void {
    it(`${what} (text)`, async () => {
      const { words, code, says = /./, env = {} } = wrong();
      const { exitCode, stdout, stderr } = await runCli(['exec', ...words], { env });
      const line = expectErrorLine(stderr, code);
      expect(line).to.match(says);
      expect(line).not.to.include(SECRET);
      expect([exitCode, stdout.toString()]).to.deep.equal([125, '']);
    });

    it(`${what} (json)`, async () => {
      const { words, code, says = /./, env = {} } = wrong();
      const done = await runCli(['exec', '--json', ...words], { env });
      const result = resultOf(done);
      const { message, hint } = result.error ?? { message: '' };
      expect(result.error?.code).to.equal(code);
      expect(`${message}; ${hint}`).to.match(says);
      expect(done.stdout.toString()).not.to.include(SECRET);
      expect(hint, 'a hint').to.be.a('string').and.not.to.equal('');
      expect([result.exitCode, result.started, result.method]).to.deep.equal([125, false, null]);
    });
  }

  /** The error for flags before the container, where all else is right. */
  function itRefuses(what: string, flags: readonly Word[], says: RegExp): void {
    itSays(what, () => ({ words: [...flags, plain.name, '--', ...TOUCH], code: 'UsageError', says }));
  }

  describe('of the container', () => {
    itSays('not there', () => ({
      words: ['no-such', ...TOUCH],
      code: 'ContainerNotFound',
      says: /no-such.*proxmox-lxcri ps/,
    }));
    itSays('not there, as lxc:', () => ({ words: ['lxc:no-such', ...TOUCH], code: 'ContainerNotFound' }));
    itSays('not there, on a node', () => ({
      words: [String(UNKNOWN), ...TOUCH],
      code: 'ContainerNotFound',
      says: /node pve1/,
      env: onNode,
    }));
    itSays('not running', () => ({
      words: [`${plain.name}-stopped`, ...TOUCH],
      code: 'ContainerNotRunning',
      says: /proxmox-lxcri start \S+-stopped/,
    }));
    itSays('not running, on a node', () => ({
      words: ['stopped-ct', ...TOUCH],
      code: 'ContainerNotRunning',
      says: new RegExp(`proxmox-lxcri start ${VMID.stopped}`),
      env: onNode,
    }));
    itSays('frozen', () => ({
      words: [`${plain.name}-frozen`, ...TOUCH],
      code: 'ContainerFrozen',
      says: /lxc-unfreeze -P \S+ -n \S+-frozen/,
    }));
    itSays('locked', () => ({
      words: [String(VMID.backedUp), ...TOUCH],
      code: 'ContainerLocked',
      says: /backup.*pct unlock/,
      env: onNode,
    }));
    itSays('two of that host name', () => ({
      words: ['twin', ...TOUCH],
      code: 'AmbiguousContainer',
      says: new RegExp(`pve:${VMID.twin}.*pve:${VMID.otherTwin}`),
      env: onNode,
    }));
    itSays('two of that name in two lxcpaths', () => ({
      words: [plain.name, ...TOUCH],
      code: 'AmbiguousContainer',
      says: new RegExp(`${DEFAULT_LXCPATH}.*${otherPath}`),
      env: everywhere,
    }));
    itSays('on another node, which is offline', () => ({
      words: [String(ELSEWHERE), ...TOUCH],
      code: 'PlatformUnreachable',
      says: /pve2 is offline/,
      env: onNode,
    }));
    itSays('on another node, named, which is offline', () => ({
      words: [`pve:pve2/${ELSEWHERE}`, ...TOUCH],
      code: 'PlatformUnreachable',
      says: /pve2 is offline/,
      env: onNode,
    }));
    itSays('a virtual machine', () => ({
      words: [String(MACHINE), ...TOUCH],
      code: 'NoMethodAvailable',
      says: /QEMU/,
      env: onNode,
    }));
    itSays('on Proxmox, where there is none', () => ({
      words: ['pve:101', ...TOUCH],
      code: 'PlatformUnreachable',
      env: { PROXMOX_LXCRI_PVE_DIR: '/nonexistent' },
    }));
    itSays('of a platform for later', () => ({ words: ['host:', ...TOUCH], code: 'NoMethodAvailable' }));
    itSays('of a method for later', () => ({
      words: ['--method', 'docker', plain.name, ...TOUCH],
      code: 'NoMethodAvailable',
      says: /docker/,
    }));
    itSays('that pct does not serve', () => ({
      words: ['--method', 'pct', plain.name, ...TOUCH],
      code: 'NoMethodAvailable',
      says: /not a Proxmox container/,
    }));
  });

  describe('of what is missing', () => {
    itSays('no words at all', () => ({ words: [], code: 'MissingContainerId', says: /usage: / }));
    itSays('a command only', () => ({ words: ['--', ...TOUCH], code: 'MissingContainerId' }));
    itSays('an empty container name', () => ({ words: ['', ...TOUCH], code: 'MissingContainerId' }));
    itSays('a scheme only', () => ({ words: ['lxc:', ...TOUCH], code: 'MissingContainerId' }));
    itSays('no command', () => ({ words: [plain.name], code: 'MissingCommand', says: /exec -it / }));
    itSays('no command after --', () => ({ words: [plain.name, '--'], code: 'MissingCommand' }));
  });

  describe('of the container’s name', () => {
    const names: Word[] = [
      'a/b',
      '../etc',
      '..',
      'a..b',
      '.hidden',
      'a b',
      'a\nb',
      'a\u001b[31mb',
      'a\u009b31mb',
      'a\u202eb',
      '$(id)',
      'ä',
      'x'.repeat(300),
      Buffer.from([0x61, 0xff]),
      'lxc:a/b',
      'pve:../101',
      'pve:-x/101',
      'nosuchscheme:web',
    ];
    for (const name of names) {
      itSays(JSON.stringify(name.toString()).slice(0, 40), () => ({ words: [name, ...TOUCH], code: 'UsageError' }));
    }
    for (const vmid of ['99', '0', '0101', '1000000000', 'pve:5', 'pve:pve1/99']) {
      itSays(`VMID ${vmid}`, () => ({
        words: [vmid, ...TOUCH],
        code: 'UsageError',
        says: /100 to 999999999/,
        env: onNode,
      }));
    }
  });

  describe('of flags', () => {
    itRefuses('an unknown one that looks like another', ['--timout', '5s'], /"--timout".*did you mean --timeout\?/);
    itRefuses('an unknown one that looks like nothing', ['--frobnicate'], /"--frobnicate".*exec --help/);
    itRefuses('an unknown one with control characters', ['--\u001b[31m\n'], /unknown flag/);
    itRefuses('an unknown letter', ['-z'], /"-z"/);
    itRefuses('an unknown letter among others', ['-tz'], /"-z"/);
    itRefuses('a value where there is none', ['--tty=yes'], /--tty takes no value/);
    itSays('a value that is missing', () => ({
      words: [plain.name, '--timeout'],
      code: 'UsageError',
      says: /DURATION/,
    }));
    itSays('a value that is missing before --', () => ({
      words: [plain.name, '--user', '--', ...TOUCH],
      code: 'UsageError',
      says: /--user needs a value/,
    }));
    itRefuses('a value that is no text', ['--user', Buffer.of(0xff)], /not valid UTF-8/);
    for (const text of ['0', '', '-1s', '0s', '1h 30m', '5x', '1e3s', '25d', 'Infinity', '\u001b[0m']) {
      itRefuses(`duration ${JSON.stringify(text)}`, [`--timeout=${text}`], /--timeout: .*is not a duration.*1h30m/);
    }
    itRefuses('duration of --kill-after', ['--kill-after', 'soon'], /--kill-after: "soon"/);
    for (const text of ['', '1X', '-1', '1.5M', '1TiB', '300MiB']) {
      itRefuses(`size ${JSON.stringify(text)}`, [`--max-output=${text}`], /--max-output: .*is not a size.*8MiB/);
    }
    for (const text of ['', ':', 'root:', ':root', 'a b', 'a:b:c', '-x', 'a/b', '$(id)', '4294967295', '\u001b[0m']) {
      itRefuses(`user ${JSON.stringify(text)}`, [`--user=${text}`], /--user: .*is not a user.*UID:GID/);
    }
    for (const text of [
      `=${SECRET}`,
      `-A=${SECRET}`,
      `A\u0085B=${SECRET}`,
      `A B=${SECRET}`,
      `\u001b[31m=${SECRET}`,
      `PROXMOX_LXCRI_X=${SECRET}`,
      `${SECRET} forgot the name`,
    ]) {
      itRefuses(`environment ${JSON.stringify(text)}`, ['-e', text], /--env: not a variable name.*KEY=VALUE/);
    }
    itRefuses('a variable that is not set', ['-e', 'NOT_SET_ANYWHERE'], /NOT_SET_ANYWHERE is not set/);
    itRefuses('no directory for the command', ['-w', 'relative/path'], /not an absolute path/);
    for (const text of ['telnet', '', 'pct,', 'pct,telnet']) {
      itRefuses(`method ${JSON.stringify(text)}`, [`--method=${text}`], /--method: there is no method.*lxc-attach/);
    }
    itRefuses('an --env-file that is not there', ['--env-file', '/no/such/file'], /"\/no\/such\/file" \(ENOENT\)/);
    itRefuses('an --env-file that is a directory', ['--env-file', '/tmp'], /EISDIR/);
    itRefuses('an --env-file that is no text', ['--env-file', join(files, 'latin1.env')], /not valid UTF-8/);
    itRefuses('a line of an --env-file', ['--env-file', join(files, 'wrong.env')], /wrong\.env:4: not a variable name/);
  });

  describe('of verbs', () => {
    for (const words of [['exce', 'web', 'true'], ['--frobnicate']]) {
      it(words.join(' '), async () => {
        const { exitCode, stdout, stderr } = await runCli(words);
        expect([exitCode, stdout.toString()]).to.deep.equal([125, '']);
        expectErrorLine(stderr, 'UsageError');
      });
    }
  });
});
