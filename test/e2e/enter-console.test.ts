/** The consoles of guests at a real terminal, over nothing but the API, for somebody who is not root and has only a token. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { PASSWORD, TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { processInfo } from '../support/proc.ts';
import { must } from '../support/run.ts';
import { processesIn, waitFor } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { contextEnvironment } from '../support/pve/api/context.ts';
import { endTerminalsIn } from '../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { ConsoleClient } from '../support/pve-api/console-client.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';
import type { Terminal } from '../support/tmux.ts';

const NOBODY = 65_534;

/** The capability only for the tests' own folders, which may be ones that others cannot enter. */
const AS_NOBODY = `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search`;

const SHARED = "a shell on the container's console, shared with everybody who looks at it; Ctrl-a q leaves it";

/** What is typed before the shell has its line editor is lost. */
const PROMPT = /^\/ # ?$/m;

describe('the console of a guest, at a terminal', () => {
  let cluster: Cluster;
  let proxy: TcpProxy;
  let folder: string;
  /** Calls the program as nobody, with a context of that name. */
  const programs = { few: '', root: '', proxied: '' };
  const viewers: ConsoleClient[] = [];

  before(async function () {
    this.timeout(120_000);
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      containers: [
        { vmid: 101, hostname: 'web', kind: 'busybox', running: true, cmode: 'shell' },
        { vmid: 102, hostname: 'login', kind: 'busybox', running: true },
      ],
      machines: [
        { vmid: 200, name: 'serial', kind: 'busybox', running: true, serial: true },
        { vmid: 201, name: 'graphic', running: true },
      ],
      users: { ...USERS, 'few@pve': { acl: { '/vms': 'PVEVMUser' }, tokens: { only: { secret: TOKEN_SECRET } } } },
      settings: { refusalMs: 300 },
    });
    const { port, fingerprint } = cluster.host('pve1');
    proxy = await startTcpProxy('127.0.0.1', port);
    folder = scratchDirectory();
    mkdirSync(join(folder, 'home'), { mode: 0o700 });
    writeFileSync(join(folder, 'secret'), TOKEN_SECRET, { mode: 0o600 });
    writeFileSync(join(folder, 'password'), PASSWORD, { mode: 0o600 });
    const context = (at: number, identity: object) => ({
      hosts: [{ address: `127.0.0.1:${at}`, fingerprint }],
      ...identity,
      bare: true,
      // ssh leads nowhere.
      ssh: { destination: 'root@127.0.0.1', options: ['-p', '1', '-F', '/dev/null'] },
    });
    const few = { token: 'few@pve!only', tokenFile: join(folder, 'secret') };
    const contexts = {
      few: context(port, few),
      root: context(port, { user: 'root@pam', passwordFile: join(folder, 'password'), routes: ['node-shell'] }),
      proxied: context(proxy.port, few),
    };
    for (const [name, home] of Object.entries(contexts) as [keyof typeof contexts, object][]) {
      const file = join(folder, `${name}.yaml`);
      // JSON is YAML.
      writeFileSync(file, JSON.stringify({ contexts: { home } }), { mode: 0o600 });
      programs[name] = join(folder, name);
      const env = {
        HOME: join(folder, 'home'),
        PROXMOX_LXCRI_CONFIG: '/dev/null',
        PROXMOX_LXCRI_CONTEXTS: file,
        PROXMOX_LXCRI_STATE_DIR: join(folder, 'home/state'),
        PROXMOX_LXCRI_CACHE_DIR: join(folder, 'home/cache'),
      };
      const variables = Object.entries(env).map(([key, value]) => `${key}='${value}'`);
      writeFileSync(programs[name], `#!/bin/sh\ncd /\nexec env ${variables.join(' ')} ${AS_NOBODY} '${CLI}' "$@"\n`);
      chmodSync(programs[name], 0o755);
    }
    await must(['chown', '-R', `${NOBODY}:${NOBODY}`, folder]);
  });

  after(async () => {
    await proxy?.stop();
    await cluster?.close();
  });

  afterEach(async () => {
    closeTerminals();
    proxy.resume();
    cluster.settings.consoleEnd = 'close';
    cluster.settings.consoleTokens = true;
    for (const viewer of viewers.splice(0)) viewer.close();
    // The container's one terminal would be there for the next test too.
    endTerminalsIn(cluster.node('pve1').lxcpath);
    await waitFor(async () => (await shells()).length === 0, { what: 'the shells to go', timeoutMs: 30_000 });
  });

  async function shells(): Promise<string[]> {
    const inside = await processesIn(cluster.container(101));
    return inside.map(({ args }) => args).filter((args) => /^(-?|\/bin\/)sh\b/.test(args));
  }

  async function look(): Promise<ConsoleClient> {
    const headers = { Authorization: cluster.tokenHeader('root@pam', 'full') };
    const viewer = await ConsoleClient.login(cluster.host('pve1'), '/nodes/pve1/lxc/101', headers);
    viewers.push(viewer);
    return viewer;
  }

  /** The settings of a terminal, as it was opened with; `after` tells them again. */
  async function withSettings(): Promise<{ terminal: Terminal; expectSame: () => Promise<void> }> {
    const terminal = await openTerminal();
    const settings = async (): Promise<string> => (await must(['stty', '-F', terminal.device, '-g'])).stdout;
    const before = await settings();
    return {
      terminal,
      async expectSame() {
        await waitFor(async () => (await settings()) === before, { what: 'the settings the terminal had' });
        await terminal.type('echo still "here"');
        await terminal.waitForScreen(/echo still "here"\nstill here$/m);
        expect(await terminal.modes()).to.deep.equal([]);
      },
    };
  }

  it('is entered where nothing else leads there, has our size, and goes on when it is left', async () => {
    const viewer = await look();
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.few} enter 101; echo "code $?"`);
    await terminal.waitForScreen(new RegExp(`^proxmox-lxcri: this is ${SHARED}$`, 'm'));
    await terminal.waitForScreen(PROMPT);
    await terminal.type('echo $((6*7)); hostname');
    await terminal.waitForScreen(/^42\n/m);
    // What one types, all see.
    await viewer.waitFor(/42\r+\n/);
    await terminal.type('stty size');
    await terminal.waitForScreen(/^30 100$/m);
    await terminal.resize({ columns: 77, rows: 22 });
    await terminal.type('until [ "$(stty size)" = "22 77" ]; do :; done; echo resized $((1+1))');
    await terminal.waitForScreen(/^resized 2$/m);
    await terminal.press('C-a', 'q');
    await terminal.waitForScreen(/^code 0$/m);
    await expectSame();
    viewer.type('echo still $((40+2))\n');
    await viewer.waitFor(/still 42/);
    expect(await shells()).to.have.lengthOf(1);
  });

  it('gets Ctrl-a typed twice, and the end of its full-screen program is not waited for', async () => {
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.few} exec -it --context home 101; echo "code $?"`);
    await terminal.waitForScreen(PROMPT);
    await terminal.type(
      `stty raw -echo; printf '\\033[?1049h\\033[?25l'; echo ready $((1+1)); dd bs=1 count=1 2>/dev/null | od -An -tx1; stty sane`,
    );
    await terminal.waitForScreen(/^ *ready 2$/m);
    expect(await terminal.modes()).to.include('alternate screen');
    await terminal.press('C-a', 'C-a');
    await terminal.waitForScreen(/ 01\b/);
    await terminal.press('C-a', 'q');
    await terminal.waitForScreen(/^code 0$/m);
    await expectSame();
  });

  for (const end of ['close', 'stay'] as const) {
    it(`ends with the shell on it, when the connection would ${end}`, async () => {
      cluster.settings.consoleEnd = end;
      const { terminal, expectSame } = await withSettings();
      await terminal.type(`${programs.few} enter 101; echo "code $?"`);
      await terminal.waitForScreen(PROMPT);
      await terminal.type('echo $((6*7)); exit');
      await terminal.waitForScreen(/^code 0$/m);
      await expectSame();
    });
  }

  it('that is lost is an error, and the terminal is given back', async () => {
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.proxied} enter 101; echo "code $?"`);
    await terminal.waitForScreen(PROMPT);
    await terminal.type('echo $((6*7))');
    await terminal.waitForScreen(/^42$/m);
    proxy.cut();
    await terminal.waitForScreen(/^code 255$/m);
    expect(await terminal.screen()).to.match(
      /^proxmox-lxcri: ConnectionLost: .*the connection to the console was lost/m,
    );
    await expectSame();
    expect(await shells()).to.have.lengthOf(1);
  });

  for (const [signal, code] of [
    ['SIGTERM', '143'],
    ['SIGKILL', '137'],
  ] as const) {
    it(`is left by ${signal}, and the terminal is given back`, async () => {
      const { terminal, expectSame } = await withSettings();
      await terminal.type(`${programs.few} enter 101; echo "code $?"`);
      await terminal.waitForScreen(PROMPT);
      await terminal.type('echo $((6*7))');
      await terminal.waitForScreen(/^42$/m);
      process.kill(await programAt(terminal), signal);
      await terminal.waitForScreen(new RegExp(`^code ${code}$`, 'm'));
      await expectSame();
      expect(await shells()).to.have.lengthOf(1);
    });
  }

  async function programAt({ shellPid }: Terminal): Promise<number> {
    const { stdout } = await must(['ps', '-o', 'pid=', '--ppid', String(shellPid)]);
    const pid = Number(stdout.trim());
    expect(processInfo(pid)?.args).to.include('enter');
    return pid;
  }

  it('says that one has to log in, where that is so', async () => {
    const terminal = await openTerminal();
    await terminal.type(`${programs.few} enter 102; echo "code $?"`);
    await terminal.waitForScreen(
      /container's console, shared with everybody.*; log in there, and out again; Ctrl-a q leaves it/,
    );
    // LXC has no terminal for it here, and says so.
    await terminal.waitForScreen(/^code 255$/m);
    expect(await terminal.screen())
      .to.match(/^lxc-console: /m)
      .and.to.match(/^proxmox-lxcri: ConnectionLost: .*the console has ended by itself/m);
  });

  it('is not needed where the context has a shell of the node, whose lxc-attach gives a terminal of its own', async () => {
    const viewer = await look();
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.root} enter -e WORD=some -w /tmp 101; echo "code $?"`);
    await terminal.waitForScreen(/^\/tmp # ?$/m);
    await terminal.resize({ columns: 71, rows: 21 });
    await terminal.type('until [ "$(stty size)" = "21 71" ]; do :; done; echo "$WORD $((6*7))"; exit 7');
    await terminal.waitForScreen(/^some 42$/m);
    await terminal.waitForScreen(/^code 7$/m);
    await expectSame();
    expect(await terminal.screen()).not.to.include('console');
    expect(viewer.output()).not.to.include('42');
  });

  it('of a virtual machine is its serial port', async () => {
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.few} enter vm:200; echo "code $?"`);
    await terminal.waitForScreen(
      /virtual machine's serial console; log in there, and out again \(Enter shows the prompt\)/,
    );
    await terminal.waitForScreen(/^starting serial terminal on interface serial0$/m);
    await terminal.waitForScreen(PROMPT);
    await terminal.type('echo $((6*7))');
    await terminal.waitForScreen(/^42$/m);
    await terminal.press('C-a', 'q');
    await terminal.waitForScreen(/^code 0$/m);
    await expectSame();
    await terminal.type(`clear; ${programs.few} enter vm:201; echo "code $?"`);
    await terminal.waitForScreen(/^code 125$/m);
    expect(await terminal.screen()).to.include('has no serial console; qm set 201 --serial0 socket gives it one');
  });

  it('is refused by old nodes to tokens, and that is said', async () => {
    cluster.settings.consoleTokens = false;
    const { terminal, expectSame } = await withSettings();
    await terminal.type(`${programs.few} enter 101; echo "code $?"`);
    await terminal.waitForScreen(/^code 125$/m);
    expect((await terminal.screen()).replaceAll('\n', ' ')).to.match(
      /did not let few@pve!only in \(.*\); before Proxmox VE 9\.1 with pve-container 6\.1\.3 no token is let in: update the node/,
    );
    await expectSame();
  });

  it('gets no command, and nothing from a script', async () => {
    const nowhere = { destination: 'root@127.0.0.1', options: ['-p', '1', '-F', '/dev/null'] };
    const env = { ...contextEnvironment(cluster, { ssh: nowhere }), PROXMOX_LXCRI_CONFIG: '/dev/null' };
    for (const [words, reason] of [
      [['exec', '-it', '--method', 'console', '101', '--', 'sh'], 'no command is typed into it'],
      [['enter', '--method', 'console', '101'], 'the console is for somebody at a terminal'],
      [['enter', '101'], 'the console is for somebody at a terminal'],
    ] as const) {
      const { exitCode, stderr } = await runCli(words, { env });
      expect(exitCode, words.join(' ')).to.equal(125);
      const code = words.includes('--method' as never) ? 'NoMethodAvailable' : 'PlatformUnreachable';
      expect(expectErrorLine(stderr, code)).to.satisfy(
        (line: string) => code === 'PlatformUnreachable' || line.includes(reason),
      );
    }
    expect(await shells()).to.deep.equal([]);
  });
});
