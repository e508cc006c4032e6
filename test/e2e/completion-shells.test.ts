/** The completion at real terminals: what is typed, TAB, and what is on the screen. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { needs } from '../support/component.ts';
import { SHELLS, missingForShells, openShell } from '../support/completing-shells.ts';
import { scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { Recipes } from '../support/recipes.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { closeTerminals } from '../support/tmux.ts';
import type { Terminal } from '../support/tmux.ts';

describe('completion at a terminal', () => {
  let container: Container;
  let env: Record<string, string>;
  /** Made by a name, if ever a shell should run one. */
  let trap: string;

  before(async function () {
    const missing = missingForShells();
    needs(this, missing.join(', '), missing.length === 0);
    container = await startContainer({
      kind: 'busybox',
      files: { '/etc/passwd': 'root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:\n' },
    });
    const folder = scratchDirectory();
    trap = join(folder, 'trap');
    const pve = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 7101, hostname: 'alpha' },
        { vmid: 7102, hostname: `\`touch\${IFS}${trap}\`;$(touch\${IFS}${trap})` },
      ],
    });
    const contexts = join(folder, 'contexts.yaml');
    // An address that is kept for documentation, where nobody answers.
    const home = { hosts: ['192.0.2.1'], token: 'root@pam!cli', tokenVariable: 'NONE' };
    writeFileSync(contexts, JSON.stringify({ contexts: { home } }), { mode: 0o600 });
    env = {
      PROXMOX_LXCRI_CONFIG: '/dev/null',
      PROXMOX_LXCRI_CONTEXTS: contexts,
      PROXMOX_LXCRI_PVE_DIR: pve.dir,
      PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
      PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
    };
  });

  after(() => container?.destroy());
  afterEach(() => closeTerminals());

  /** Types the beginning of a line and TAB, and waits until the line has become this, and nothing else follows it. */
  async function expectLine(terminal: Terminal, typed: string, line: string): Promise<void> {
    const escaped = line.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
    // A key press is answered at once or not at all: a busy machine gets another one.
    for (let presses = 4; ; presses--) {
      await terminal.press('-l', '--', typed);
      await terminal.press('Tab');
      try {
        await terminal.waitForScreen(new RegExp(`^at> ${escaped}\\s*$`, 'm'), 10_000);
        break;
      } catch (error) {
        if (presses === 1) throw error;
        await terminal.press('C-u');
      }
    }
    await terminal.press('C-u');
  }

  it('is installed by hand as the documentation says, in every shell', () => {
    const recipes = new Recipes('docs/completion.md');
    for (const shell of ['bash', 'zsh', 'fish']) recipes.take('Without the package', shell);
    expect(recipes.left()).to.deep.equal([]);
    expect(SHELLS).to.include.members(['bash alone', 'zsh alone', 'fish alone']);
  });

  for (const shell of SHELLS) {
    it(`completes in ${shell}`, async () => {
      const terminal = await openShell(shell, env);
      const { name } = container;
      const beginning = name.slice(0, -2);
      for (const [typed, line] of [
        ['proxmox-lxcri ent', 'proxmox-lxcri enter'],
        ['nice proxmox-lxcri ent', 'nice proxmox-lxcri enter'],
        ['proxmox-lxcri context li', 'proxmox-lxcri context list'],
        ['proxmox-lxcri exec --no-t', 'proxmox-lxcri exec --no-tty'],
        ['proxmox-lxcri exec --if-locked=sk', 'proxmox-lxcri exec --if-locked=skip'],
        ['proxmox-lxcri exec --method pct,lx', 'proxmox-lxcri exec --method pct,lxc-attach'],
        ['proxmox-lxcri exec --context ho', 'proxmox-lxcri exec --context home'],
        ['proxmox-lxcri exec --node pv', 'proxmox-lxcri exec --node pve1'],
        [`proxmox-lxcri exec ${beginning}`, `proxmox-lxcri exec ${name}`],
        ['proxmox-lxcri exec alp', 'proxmox-lxcri exec alpha'],
        ['proxmox-lxcri exec pve:alp', 'proxmox-lxcri exec pve:alpha'],
        [`proxmox-lxcri exec lxc:${beginning}`, `proxmox-lxcri exec lxc:${name}`],
        [`proxmox-lxcri exec ${name} -u www`, `proxmox-lxcri exec ${name} -u www-data`],
        ['proxmox-lxcri kill alpha HU', 'proxmox-lxcri kill alpha HUP'],
      ].slice(shell.endsWith(' alone') ? -4 : 0)) {
        await expectLine(terminal, typed ?? '', line ?? '');
      }
    });

    // What it does then does not depend on how it was installed.
    if (shell.endsWith(' alone')) continue;
    it(`says nothing of a command's words, shows no errors and runs no name in ${shell}`, async () => {
      const terminal = await openShell(shell, env);
      await terminal.press('-l', '--', 'touch file-of-host');
      await terminal.press('Enter');
      await expectLine(
        terminal,
        `proxmox-lxcri exec ${container.name} -- cat fi`,
        `proxmox-lxcri exec ${container.name} -- cat fi`,
      );
      await terminal.press('-l', '--', 'proxmox-lxcri exec 710');
      await terminal.press('Tab', 'Tab');
      await terminal.waitForScreen(/7101[^]*7102/);
      await terminal.press('C-u');
      await expectLine(terminal, 'proxmox-lxcri exec --context home pve:7', 'proxmox-lxcri exec --context home pve:7');
      await terminal.press('-l', '--', 'echo end$((1+1))');
      await terminal.press('Enter');
      expect(existsSync(trap)).to.equal(false);
      expect(await terminal.screen()).not.to.match(/rror|file-of-host[^]*file-of-host/);
    });
  }
});
