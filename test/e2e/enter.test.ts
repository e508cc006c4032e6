/** `enter` at a real terminal. */
import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { assertNothingNew, snapshotProcesses, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';

describe('enter', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'debian' });
  });

  after(() => container.destroy());
  afterEach(() => closeTerminals());

  it('opens a login shell at the terminal, whose exit code it has', async () => {
    const before = await snapshotProcesses(container);
    const terminal = await openTerminal();
    await terminal.type(`${CLI} enter ${container.name}; echo "code $?"`);
    await terminal.waitForScreen(/root@\S*[#:]/);
    await terminal.type('shopt -q login_shell && tty && hostname; exit 7');
    const [, device, name] = await terminal.waitForScreen(/^(\/dev\/pts\/\d+)\n(\S+)$/m);
    expect([device, name]).to.deep.equal([device, container.name]);
    await terminal.waitForScreen(/^code 7$/m);
    await assertNothingNew(container, before);
    // The terminal is as it was: what is typed is seen, and lines are lines.
    await terminal.type('echo still "here"');
    await terminal.waitForScreen(/echo still "here"\nstill here$/m);
  });

  it('is for another user in another directory, with variables', async () => {
    const terminal = await openTerminal();
    await terminal.type(`${CLI} enter -u root -w /etc -e WORD=some ${container.name}`);
    await terminal.waitForScreen(/root@\S*[#:]/);
    await terminal.type('echo "$PWD $WORD $USER"; exit');
    await terminal.waitForScreen(/^\/etc some root$/m);
  });

  it('takes no command, and says so', async () => {
    const { exitCode, stderr } = await runCli(['enter', container.name, 'ls']);
    expect(exitCode).to.equal(125);
    expect(stderr.toString()).to.match(
      /^proxmox-lxcri: UsageError: unexpected argument: ls; see: proxmox-lxcri enter --help\n$/,
    );
  });

  it('shows its own help with -h', async () => {
    const { exitCode, stdout } = await runCli(['enter', '-h']);
    expect(exitCode).to.equal(0);
    expect(stdout.toString()).to.match(/^Open a login shell in a container\.\n/);
  });
});
