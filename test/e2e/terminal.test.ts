/** `exec` as a person at a terminal sees it, in a real terminal. */
import { resolve } from 'node:path';

import { expect } from 'chai';

import type { Container } from '../support/lxc.ts';
import {
  assertNothingNew,
  processesMatching,
  run,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import { isRunning, processInfo } from '../support/proc.ts';
import type { Terminal } from '../support/tmux.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';

const CLI = resolve(import.meta.dirname, '../../bin/proxmox-lxcri');

/** A prompt of the container's shell that cannot be taken for the host's. */
const WITH_PROMPT = `-e 'PS1=ct> '`;

describe('exec at a terminal', () => {
  let container: Container;
  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });
  after(() => container.destroy());
  afterEach(closeTerminals);

  /** Types a call at the host's prompt; what it ended with is shown as [rc=N]. */
  async function call(terminal: Terminal, words: string): Promise<void> {
    await terminal.type(`${CLI} exec ${words}; echo "[rc=$?]"`);
  }

  async function exitCode(terminal: Terminal): Promise<number> {
    return Number((await terminal.waitForScreen(/\[rc=(\d+)\]/))[1]);
  }

  /** Opens a shell of the container in a terminal. */
  async function shellIn(target: Container, flags = '-it', terminal?: Terminal): Promise<Terminal> {
    const opened = terminal ?? (await openTerminal());
    await call(opened, `${flags} ${WITH_PROMPT} ${target.name} sh`);
    await opened.waitForScreen(/^ct> /m);
    return opened;
  }

  /** The one child with this in its command line. */
  async function childOf(parent: number, words: string): Promise<number> {
    const { stdout } = await run(['ps', '-o', 'pid=', '--ppid', String(parent)]);
    const found = stdout
      .split('\n')
      .map(Number)
      .filter((pid) => processInfo(pid)?.args.includes(words) === true);
    expect(found, `children with "${words}"`).to.have.lengthOf(1);
    return found[0] ?? expect.fail();
  }

  async function cliPid({ shellPid }: Terminal): Promise<number> {
    return childOf(shellPid, 'dist/start.cjs exec ');
  }

  async function waitForProcess(marker: string): Promise<void> {
    await waitFor(async () => (await processesMatching(container, marker)).length > 0, {
      what: `a process with ${marker}`,
    });
  }

  /** All settings of the terminal, in stty's own form. */
  async function settings({ device }: Terminal): Promise<string> {
    return (await run(['stty', '-g', '-F', device])).stdout;
  }

  /** It edits lines, echoes what is typed, and has every setting it had. */
  async function expectSane(terminal: Terminal, before: string): Promise<void> {
    await waitFor(async () => (await settings(terminal)) === before, {
      what: 'the terminal to have its settings back',
    });
    const { stdout } = await run(['stty', '-a', '-F', terminal.device]);
    expect(stdout)
      .to.match(/(^| )icanon\b/m)
      .and.to.match(/(^| )echo\b/m);
    // Typed with a mistake, which only a terminal that edits lines takes back.
    await terminal.press('-l', 'echo sa');
    await terminal.press('X', 'BSpace');
    await terminal.type('ne-$((1+1))');
    await terminal.waitForScreen(/host\$ echo sane-\$\(\(1\+1\)\)\s*\nsane-2$/m);
  }

  describe('a shell with -it', () => {
    it('has a terminal of the right size, and gets its changes', async () => {
      const terminal = await openTerminal({ columns: 97, rows: 31 });
      await call(terminal, `-it ${WITH_PROMPT} ${container.name}`);
      await terminal.waitForScreen(/^ct> /m);
      await terminal.type('tty; stty size');
      await terminal.waitForScreen(/^\/dev\/\S+\n31 97$/m);
      await terminal.type('until [ "$(stty size)" = "40 120" ]; do sleep 0.05; done; echo resi""zed');
      await terminal.resize({ columns: 120, rows: 40 });
      await terminal.waitForScreen(/^resized$/m);
    });

    it('interrupts the command in the foreground with Ctrl-C, and not itself', async () => {
      const terminal = await shellIn(container);
      await terminal.type('/bin/sleep 104100001');
      await waitForProcess('104100001');
      await terminal.press('C-c');
      await waitFor(async () => (await processesMatching(container, '104100001')).length === 0, { what: 'its end' });
      await terminal.type('echo "[code=$?]"');
      await terminal.waitForScreen(/^\[code=130\]$/m);
    });

    it('ends with Ctrl-D, with the status of its last command, and gives the terminal back', async () => {
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await shellIn(container, '-it', terminal);
      expect(await settings(terminal)).to.not.equal(before);
      await terminal.type('(exit 7)');
      await terminal.press('C-d');
      expect(await exitCode(terminal)).to.equal(7);
      await expectSane(terminal, before);
    });
  });

  for (const { kind, editor } of [
    { kind: 'busybox', editor: 'vi' },
    { kind: 'debian', editor: `vim.tiny -N --cmd 'set showmode'` },
  ] as const) {
    it(`edits a file with ${editor} (${kind})`, async () => {
      const target = kind === 'busybox' ? container : await startContainer({ kind });
      const terminal = await openTerminal();
      const before = await settings(terminal);
      const insertMode = /^(I \/tmp\/edited|-- INSERT --)/m;
      // Escape begins the codes of other keys, too: an editor looks whether more comes.
      const leaveInsertMode = async (): Promise<void> => {
        await terminal.press('Escape');
        await waitFor(async () => !insertMode.test(await terminal.screen()), { what: 'the end of insert mode' });
      };
      await call(terminal, `-it ${target.name} ${editor} /tmp/edited`);
      await terminal.waitForScreen(/^~\s[^]*\/tmp\/edited/m);
      await terminal.press('i');
      await terminal.waitForScreen(insertMode);
      await terminal.type('first line');
      await terminal.press('-l', 'second lime');
      await terminal.waitForScreen(/^second lime/m);
      await leaveInsertMode();
      await terminal.press('x', 'a', '+');
      await terminal.waitForScreen(/^second lim\+/m);
      await leaveInsertMode();
      await terminal.type(':wq');
      expect(await exitCode(terminal)).to.equal(0);
      expect((await target.attach(['cat', '/tmp/edited'])).stdout).to.equal('first line\nsecond lim+\n');
      await expectSane(terminal, before);
      if (target !== container) await target.destroy();
    });
  }

  describe('gives the terminal back', () => {
    it('when the container is stopped under it', async () => {
      const victim = await startContainer({ kind: 'busybox' });
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await shellIn(victim, '-it', terminal);
      await victim.stop();
      expect(await exitCode(terminal)).to.equal(137);
      await expectSane(terminal, before);
      await victim.destroy();
    });

    it('when the CLI gets SIGTERM', async () => {
      const processes = await snapshotProcesses(container);
      const terminal = await openTerminal();
      const before = await settings(terminal);
      // An interactive shell does not end on SIGTERM.
      await shellIn(container, '-it --kill-after 1s', terminal);
      process.kill(await cliPid(terminal), 'SIGTERM');
      expect(await exitCode(terminal)).to.equal(137);
      await expectSane(terminal, before);
      await assertNothingNew(container, processes);
    });

    it('when the CLI gets SIGKILL', async () => {
      const processes = await snapshotProcesses(container);
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await shellIn(container, '-it', terminal);
      process.kill(await cliPid(terminal), 'SIGKILL');
      expect(await exitCode(terminal)).to.equal(137);
      await expectSane(terminal, before);
      await assertNothingNew(container, processes);
    });

    it('when lxc-attach is killed, and says that the status is lost', async () => {
      const processes = await snapshotProcesses(container);
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await shellIn(container, '-it', terminal);
      process.kill(await childOf(await cliPid(terminal), 'lxc-attach -n'), 'SIGKILL');
      expect(await exitCode(terminal)).to.equal(255);
      expect(await terminal.screen()).to.include('proxmox-lxcri: ConnectionLost: ');
      await expectSane(terminal, before);
      await assertNothingNew(container, processes);
    });

    it('when a full-screen program is killed: the screen, the cursor, the keys and the mouse too', async () => {
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await terminal.type('echo on-the-first-screen');
      const fullScreen = String.raw`printf "\033[?1049h\033[?25l\033[?1h\033[?1002h"; exec /bin/sleep 107100001`;
      await call(terminal, `-it ${container.name} -- sh -c '${fullScreen}'`);
      await waitForProcess('107100001');
      const all = ['alternate screen', 'hidden cursor', 'application keys', 'mouse'];
      await waitFor(async () => (await terminal.modes()).length === all.length, { what: all.join(', ') });
      for (const { pid } of await processesMatching(container, '107100001')) process.kill(pid, 'SIGKILL');
      expect(await exitCode(terminal)).to.equal(137);
      expect(await terminal.modes()).to.deep.equal([]);
      expect(await terminal.screen()).to.match(/^on-the-first-screen$/m);
      await expectSane(terminal, before);
    });
  });

  it('leaves nothing running when the terminal dies', async () => {
    const processes = await snapshotProcesses(container);
    for (let round = 0; round < 5; round++) {
      /* oxlint-disable no-await-in-loop -- one death after the other */
      const terminal = await shellIn(container);
      await terminal.type('/bin/sleep 105100001 & setsid /bin/sleep 105200001 & /bin/sleep 105300001');
      for (const marker of ['105100001', '105200001', '105300001']) await waitForProcess(marker);
      const cli = await cliPid(terminal);
      terminal.close();
      await assertNothingNew(container, processes);
      await waitFor(() => !isRunning(cli), { what: 'the CLI to end' });
      /* oxlint-enable no-await-in-loop */
    }
  });

  for (const { how, flags } of [
    { how: 'on it', flags: '-it' },
    { how: 'that reads it', flags: '-T' },
  ]) {
    it(`leaves nothing running of a command ${how} when the terminal dies and nobody tells us`, async () => {
      const processes = await snapshotProcesses(container);
      const terminal = await openTerminal();
      // The kernel tells the session's leader alone, and this one keeps it to itself.
      await terminal.type('trap : HUP');
      await call(terminal, `${flags} ${WITH_PROMPT} ${container.name} sh`);
      // What is typed before the terminal is the command's may be lost.
      if (flags === '-it') await terminal.waitForScreen(/^ct> /m);
      await terminal.type('/bin/sleep 105400001 & setsid /bin/sleep 105500001 &');
      for (const marker of ['105400001', '105500001']) await waitForProcess(marker);
      const cli = await cliPid(terminal);
      terminal.close();
      await assertNothingNew(container, processes);
      await waitFor(() => !isRunning(cli), { what: 'the CLI to end' });
    });
  }

  describe('without -t', () => {
    it('gives a shell a terminal', async () => {
      const terminal = await shellIn(container, '');
      await terminal.type('tty');
      await terminal.waitForScreen(/^\/dev\/\S+$/m);
    });

    it('gives other commands none', async () => {
      const terminal = await openTerminal();
      await call(terminal, `${container.name} ls -d /etc /tmp`);
      // On a terminal, ls would write columns.
      await terminal.waitForScreen(/^\/etc\n\/tmp\n\[rc=0\]$/m);
    });

    it('gives a shell pipes with -T', async () => {
      const terminal = await openTerminal();
      await call(terminal, `-T ${container.name} sh`);
      await terminal.type('for fd in 0 1 2; do test -t $fd && echo "$fd yes" || echo "$fd no"; done');
      await terminal.waitForScreen(/^0 no\n1 no\n2 no$/m);
      await terminal.press('C-d');
      expect(await exitCode(terminal)).to.equal(0);
    });

    it('ends the command on Ctrl-C, with 130', async () => {
      const processes = await snapshotProcesses(container);
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await call(terminal, `-T ${container.name} -- sh -c '/bin/sleep 106100001 & /bin/sleep 106200001'`);
      await waitForProcess('106200001');
      await terminal.press('C-c');
      expect(await exitCode(terminal)).to.equal(130);
      await assertNothingNew(container, processes);
      await expectSane(terminal, before);
    });

    it('passes on what is typed line by line, until Ctrl-D', async () => {
      const terminal = await openTerminal();
      await call(terminal, `${container.name} -- cat`);
      await waitForProcess('cat');
      await terminal.type('one');
      await terminal.waitForScreen(/^one\none$/m);
      await terminal.type('two');
      await terminal.waitForScreen(/^two\ntwo$/m);
      await terminal.press('C-d');
      expect(await exitCode(terminal)).to.equal(0);
    });

    it('does not stop in the background, and does not take what is typed', async () => {
      const terminal = await openTerminal();
      await terminal.type(`${CLI} exec ${container.name} -- sh -c 'cat; echo ou""t' & wait $!; echo "[rc=$?]"`);
      expect(await exitCode(terminal)).to.equal(0);
      expect(await terminal.screen()).to.match(/^(host\$ )?out$/m);
    });
  });

  describe('with a terminal on one side only', () => {
    it('works with standard output in a pipe, and gives the terminal back', async () => {
      const terminal = await openTerminal();
      const before = await settings(terminal);
      await terminal.type(`${CLI} exec -t ${WITH_PROMPT} ${container.name} sh | cat; echo "[rc=$?]"`);
      await terminal.waitForScreen(/^ct> /m);
      await terminal.type('test -t 0 && test -t 1 && echo both""-terminals');
      await terminal.waitForScreen(/^both-terminals$/m);
      await terminal.type('exit');
      expect(await exitCode(terminal)).to.equal(0);
      await expectSane(terminal, before);
    });

    it('works with standard input from a pipe, and gives the terminal back', async () => {
      const terminal = await openTerminal();
      const before = await settings(terminal);
      const script = 'read -r line; echo "got $line"; test -t 0 && test -t 1 && stty size';
      await terminal.type(`echo piped | ${CLI} exec -t ${container.name} -- sh -c '${script}'; echo "[rc=$?]"`);
      await terminal.waitForScreen(/^got piped\n30 100$/m);
      expect(await exitCode(terminal)).to.equal(0);
      await expectSane(terminal, before);
    });
  });
});

describe('exec -t where there is no terminal', () => {
  let container: Container;
  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });
  after(() => container.destroy());

  it('is 80x24', async () => {
    const { exitCode, stdout } = await run([CLI, 'exec', '-t', container.name, '--', 'stty', 'size']);
    expect([exitCode, stdout]).to.deep.equal([0, '24 80\r\n']);
  });

  it('has the output of one terminal, not of two, and passes the exit code on', async () => {
    const script = `printf 'a\\nb\\r\\nc\\rd\\n\\r'; test -t 2 && echo err >&2; exit 3`;
    const { exitCode, stdout, stderr } = await run([CLI, 'exec', '-t', container.name, '--', 'sh', '-c', script]);
    expect([exitCode, stdout, stderr]).to.deep.equal([3, 'a\r\nb\r\r\nc\rd\r\n\rerr\r\n', '']);
  });

  it('ends cat at the end of standard input', async () => {
    const { exitCode, stdout } = await run([CLI, 'exec', '-t', container.name, '--', 'cat'], { input: 'x\n' });
    expect([exitCode, stdout]).to.deep.equal([0, 'x\r\nx\r\n']);
  });

  it('gives everything that a command writes before it ends', async () => {
    const { exitCode, stdout } = await run([CLI, 'exec', '-t', container.name, '--', 'seq', '100000']);
    const lines = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\r\n`);
    expect(exitCode).to.equal(0);
    expect(stdout).to.equal(lines.join(''));
  });
});
