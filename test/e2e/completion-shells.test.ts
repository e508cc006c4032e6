/** The completion at real terminals: what is typed, TAB, and what is on the screen. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { needs } from '../support/component.ts';
import { SHELLS, missingForShells, openShell } from '../support/completing-shells.ts';
import { scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
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

  /** Types a line, TAB and a mark, and waits until the line has become this. */
  async function expectLine(terminal: Terminal, typed: string, line: string): Promise<void> {
    await terminal.press('-l', '--', typed);
    await terminal.press('Tab');
    const escaped = line.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
    // What a shell has completed and nothing else follows it.
    await terminal.waitForScreen(new RegExp(`^at> ${escaped}\\s*$`, 'm'));
    await terminal.press('C-u');
  }

  for (const shell of SHELLS) {
    it(`completes in ${shell}`, async () => {
      const terminal = await openShell(shell, env);
      const { name } = container;
      const beginning = name.slice(0, -2);
      for (const [typed, line] of [
        ['proxmox-lxcri ent', 'proxmox-lxcri enter'],
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
      ] as const) {
        await expectLine(terminal, typed, line);
      }
    });

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
