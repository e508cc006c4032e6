/** What docs/contexts.md tells people to type, typed. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import type { ExecResult } from '../../src/model/result.ts';
import { shellWord } from '../../src/values/shell-word.ts';
import { CLI } from '../methods/contract/cli.ts';
import { PASSWORD, TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import type { RunResult } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster, Host } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { Recipes, adapted } from '../support/recipes.ts';
import { openTerminal } from '../support/tmux.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const INTRODUCTION = 'Contexts: clusters by name';

describe('docs/contexts.md', () => {
  const recipes = new Recipes('docs/contexts.md');
  let cluster: Cluster;
  let host: Host;
  let place: LoginPlace;
  let secret: string;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      containers: [{ vmid: 101, kind: 'busybox', running: true }],
      users: USERS,
      settings: { refusalMs: 100 },
    });
    host = cluster.host('pve1');
    place = loginPlace();
    secret = join(place.folder, 'given');
  });

  after(() => cluster?.close());

  const environment = (): Record<string, string> => ({
    ...(place.env as Record<string, string>),
    PATH: `${dirname(CLI)}:${process.env['PATH']}`,
  });

  async function typed(script: string): Promise<RunResult> {
    const done = await run(['sh', '-e', '-c', script], { cwd: '/', env: environment() });
    expect([done.exitCode, done.stderr], script).to.deep.equal([0, '']);
    return done;
  }

  /** Types a login at a terminal, and answers its questions. */
  async function conversation(command: string, answers: readonly (readonly [RegExp, string])[]): Promise<void> {
    const terminal = await openTerminal({ columns: 180, rows: 40 });
    try {
      for (const [name, value] of Object.entries(environment()))
        await terminal.type(`export ${name}=${shellWord(value)}`);
      await terminal.type(`clear; ${command}`);
      for (const [question, answer] of answers) {
        await terminal.waitForScreen(question, 30_000);
        await terminal.type(answer);
      }
      await terminal.waitForScreen(/^home: logged in to/m, 30_000);
    } finally {
      terminal.close();
    }
  }

  it('login, which asks', async () => {
    const [, command = ''] = /^# (.*)\n$/.exec(recipes.take(INTRODUCTION, 'console')) ?? [];
    await conversation(adapted(command, { 'pve1.example': `127.0.0.1:${host.port}` }), [
      [/from now on\? \(yes\/no\) $/m, 'yes'],
      [/^User, or API token .*: $/m, 'root@pam!full'],
      [/^Secret of the token root@pam!full: $/m, TOKEN_SECRET],
    ]);
    expect((await typed('proxmox-lxcri ps -q --context home')).stdout).to.equal('pve:101@home\n');
  });

  it('login in a script, with a token', async () => {
    writeFileSync(secret, TOKEN_SECRET, { mode: 0o600 });
    await typed(
      adapted(recipes.take('login', 'sh'), {
        'pve1.example': `127.0.0.1:${host.port}`,
        '/root/pve-root-ca.pem': host.caFile,
        'root@pam!cli': 'root@pam!full',
        secret,
      }),
    );
    expect((await typed('proxmox-lxcri ps -q --context home')).stdout).to.equal('pve:101@home\n');
  });

  it('login in a script, with a password', async () => {
    writeFileSync(secret, PASSWORD, { mode: 0o600 });
    await typed(
      adapted(recipes.take('login', 'sh'), {
        'pve1.example': `127.0.0.1:${host.port}`,
        '9C:9E:...:11': host.fingerprint,
        secret,
      }),
    );
    expect((await typed('proxmox-lxcri ps -q --context home')).stdout).to.equal('pve:101@home\n');
  });

  it('a route for commands, and a command by it', async () => {
    const [login = '', exec = ''] = recipes.take('Commands over the API', '').split('\n');
    await conversation(login, [
      [/Let commands use it\? \(yes\/no\) $/m, 'yes'],
      [/^Password of root@pam: $/m, PASSWORD],
    ]);
    const { method, attempts } = JSON.parse((await typed(exec)).stdout) as ExecResult;
    expect(method).to.equal('node-shell');
    expect(attempts.map((each) => [each.method, each.outcome])).to.deep.equal([
      ['proxmox-api', 'skipped'],
      ['node-shell', 'used'],
    ]);
  });

  it('the verbs of contexts', async () => {
    const { stdout } = await typed(recipes.take(INTRODUCTION, 'sh'));
    expect(stdout)
      .to.match(/^.*\bhome\b/m)
      .and.to.include(`127.0.0.1:${host.port}`);
    expect(existsSync(join(place.folder, 'state/tickets/home.json'))).to.equal(false);
    expect((await typed('proxmox-lxcri context list --json')).stdout).to.include('"contexts":[]');
  });

  it('the file, and the message of a mistake in it', async () => {
    // Only its form is tried: the servers in it are nobody's.
    const example = recipes.take('contexts.yaml', 'yaml');
    writeFileSync(place.file, example);
    expect((await typed('proxmox-lxcri context show home --json')).stdout).to.include('pve2.example');
    const message = recipes.take('contexts.yaml', '');
    writeFileSync(place.file, 'contexts:\n  home:\n    # a server\n    host: pve1.example\n');
    const done = await run(['sh', '-c', 'proxmox-lxcri context'], { env: environment() });
    expect([done.exitCode, done.stderr]).to.deep.equal([
      125,
      message.replace('/etc/proxmox-lxcri/contexts.yaml', place.file),
    ]);
  });

  it('has nothing else', () => {
    expect(recipes.left()).to.deep.equal([]);
  });
});
