/** login as somebody at a terminal has it. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { shellWord } from '../../src/values/shell-word.ts';
import { CLI } from '../methods/contract/cli.ts';
import { PASSWORD, RECOVERY_KEY, TOKEN_SECRET, TOTP_SECRET, USERS, takeRequests } from '../proxmox/api/clients.ts';
import { totpCode } from '../support/pve/api/access/second-factor.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { openTerminal } from '../support/tmux.ts';
import type { Terminal } from '../support/tmux.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

describe('login at a terminal', () => {
  let cluster: Cluster;
  let place: LoginPlace;
  let terminal: Terminal;
  let server: string;
  let fingerprint: string;

  before(async () => {
    cluster = await createCluster({ nodes: ['pve1'], users: USERS, settings: { refusalMs: 100 } });
    server = `127.0.0.1:${cluster.host('pve1').port}`;
    ({ fingerprint } = cluster.host('pve1'));
  });

  after(() => cluster.close());

  beforeEach(async () => {
    await cluster.setNode('pve1', 'online');
    takeRequests(cluster);
    place = loginPlace();
    terminal = await openTerminal({ columns: 180, rows: 40 });
    const variables = Object.entries(place.env).map(([key, value]) => `${key}=${shellWord(value ?? '')}`);
    const script = join(place.folder, 'cli');
    writeFileSync(script, `#!/bin/sh\n${variables.join(' ')} ${shellWord(CLI)} "$@"\necho "[exit $?]"\n`);
    chmodSync(script, 0o755);
    await terminal.type(`cd ${place.folder}`);
  });

  afterEach(() => terminal.close());

  const answer = async (question: RegExp, text: string): Promise<void> => {
    await terminal.waitForScreen(question);
    await terminal.type(text);
  };

  /** What everybody may know about the terminal afterwards: it shows what is typed again. */
  async function expectSane(): Promise<void> {
    await terminal.type('echo sa""ne');
    await terminal.waitForScreen(/^sane$/m);
    expect(await terminal.screen()).to.include('echo sa""ne');
  }

  it('asks before it lets a shell of root on the nodes take part, and stores nothing after a no', async () => {
    const words = `login home --host ${server} --fingerprint ${fingerprint} --user root@pam --route node-shell`;
    await terminal.type(`./cli ${words}`);
    await terminal.waitForScreen(/become root on every node/, 30_000);
    await answer(/Let commands use it\? \(yes\/no\)/, 'no');
    await terminal.waitForScreen(/\[exit 125\]/, 30_000);
    expect(existsSync(place.file)).to.equal(false);
    await terminal.type(`clear; ./cli ${words}`);
    await answer(/Let commands use it\? \(yes\/no\) $/m, 'yes');
    await answer(/Password of root@pam/, PASSWORD);
    await terminal.waitForScreen(/commands may run over its API by: node-shell[^]*\[exit 0\]/, 30_000);
    expect(readFileSync(place.file, 'utf8')).to.include('node-shell');
  });

  it('asks for all that was not said, and shows no password', async () => {
    await terminal.type('./cli login home');
    await answer(/^Server \(such as .*\): $/m, server);
    await terminal.waitForScreen(new RegExp(`^SHA-256 fingerprint: ${fingerprint}$`, 'm'));
    await answer(/Trust this certificate from now on\? \(yes\/no\) $/m, 'yes');
    await answer(/^User, or API token .*\[root@pam\]: $/m, '');
    await answer(/^Password of root@pam: $/m, PASSWORD);
    await terminal.waitForScreen(/^home: logged in to .* as root@pam$[^]*\[exit 0\]/m);
    expect(await terminal.screen()).not.to.include(PASSWORD.slice(0, 9));
    expect(readFileSync(place.file, 'utf8')).to.include(`fingerprint: ${fingerprint}`);
    expect(place.contents()).not.to.include(PASSWORD);
    await expectSane();
  });

  it('asks for the secret of a token', async () => {
    await terminal.type(`./cli login --host ${server} --fingerprint ${fingerprint} --token root@pam!full`);
    await answer(/^Secret of the token root@pam!full: $/m, ` ${TOKEN_SECRET} `);
    await terminal.waitForScreen(/logged in to[^]*\[exit 0\]/);
    expect(await terminal.screen()).not.to.include(TOKEN_SECRET);
    expect(readFileSync(join(place.folder, 'tokens/127.0.0.1'), 'utf8')).to.equal(`${TOKEN_SECRET}\n`);
  });

  it('asks for a second factor, a code or a recovery key', async () => {
    for (const factor of [() => totpCode(TOTP_SECRET), () => RECOVERY_KEY]) {
      const words = `./cli login home --host ${server} --fingerprint ${fingerprint} --user tfa@pve`;
      await terminal.type(`clear; ${words}`);
      await answer(/^Password of tfa@pve: $/m, PASSWORD);
      await answer(/^Code of the authenticator app( or recovery key)? for tfa@pve: $/m, factor());
      await terminal.waitForScreen(/as tfa@pve[^]*\[exit 0\]/);
    }
    expect(existsSync(join(place.folder, 'state/tickets/home.json'))).to.equal(true);
  });

  it('stores and sends nothing when the certificate is not trusted', async () => {
    for (const no of ['no', 'y', '']) {
      await terminal.type(`clear; ./cli login --host ${server} --user root@pam`);
      await answer(/from now on\? \(yes\/no\) $/m, no);
      await terminal.waitForScreen(/PlatformUnreachable: the certificate of .* was not trusted[^]*\[exit 125\]/);
    }
    expect(place.kept()).to.deep.equal(['cli 755']);
    expect(takeRequests(cluster)).to.deep.equal([]);
  });

  it('shouts when a pinned certificate has changed, and pins the new one only after a yes', async () => {
    await place.cli(
      ['login', 'home', '--host', server, '--fingerprint', fingerprint, '--token', 'root@pam!full', '--token-stdin'],
      {
        stdin: TOKEN_SECRET,
      },
    );
    await cluster.setNode('pve1', 'mistrusted');
    takeRequests(cluster);
    await terminal.type('./cli login home');
    await terminal.waitForScreen(/IS NOT THE ONE THAT WAS PINNED/);
    await terminal.waitForScreen(new RegExp(`^Pinned: ${fingerprint}$`, 'm'));
    await answer(/from now on\? \(yes\/no\) $/m, 'yes');
    await answer(/^Secret of the token root@pam!full: $/m, TOKEN_SECRET);
    await terminal.waitForScreen(/logged in to[^]*\[exit 0\]/);
    expect(readFileSync(place.file, 'utf8')).not.to.include(fingerprint);
  });

  it('can be interrupted at a question, and the terminal is as before', async () => {
    await terminal.type(`./cli login --host ${server} --fingerprint ${fingerprint} --user root@pam`);
    await terminal.waitForScreen(/^Password of root@pam: $/m);
    await terminal.press('C-c');
    await terminal.waitForScreen(/^host\$ $/m);
    await expectSane();
    await terminal.type(`clear; ./cli login --host ${server} --fingerprint ${fingerprint} --user root@pam`);
    await terminal.waitForScreen(/^Password of root@pam: $/m);
    await terminal.press('C-d');
    await terminal.waitForScreen(/UsageError: the question was not answered[^]*\[exit 125\]/);
    await expectSane();
    expect(place.kept()).to.deep.equal(['cli 755']);
  });

  it('does not read a secret from a terminal that would show it', async () => {
    await terminal.type(`./cli login --host ${server} --user root@pam --password-stdin`);
    await terminal.waitForScreen(/--password-stdin: standard input is a terminal[^]*\[exit 125\]/);
  });
});
