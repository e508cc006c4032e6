/** What docs/proxmox-api.md tells people to type, typed. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { shellWord } from '../../src/values/shell-word.ts';
import { CLI } from '../methods/contract/cli.ts';
import { PASSWORD, TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import type { RunResult } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { endTerminalsIn } from '../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { Recipes, adapted } from '../support/recipes.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const ENABLE = 'Enable a route';
const AT_TERMINAL = 'At a terminal';

describe('docs/proxmox-api.md', () => {
  const recipes = new Recipes('docs/proxmox-api.md');
  let cluster: Cluster;
  let place: LoginPlace;

  before(async function () {
    this.timeout(120_000);
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      containers: [{ vmid: 101, kind: 'busybox', running: true, cmode: 'shell' }],
      machines: [{ vmid: 200, kind: 'busybox', running: true, serial: true }],
      users: {
        ...USERS,
        'ops@pve': { acl: { '/vms/200': 'PVEVMAdmin' }, tokens: { agent: { secret: TOKEN_SECRET } } },
      },
      settings: { refusalMs: 100 },
    });
    place = loginPlace();
    copyFileSync(cluster.host('pve1').caFile, join(place.folder, 'pve-root-ca.pem'));
    writeFileSync(join(place.folder, 'password'), PASSWORD, { mode: 0o600 });
    writeFileSync(join(place.folder, 'secret'), TOKEN_SECRET, { mode: 0o600 });
  });

  after(async () => {
    closeTerminals();
    if (cluster !== undefined) endTerminalsIn(cluster.node('pve1').lxcpath);
    await cluster?.close();
  });

  const environment = (): Record<string, string> => ({
    ...(place.env as Record<string, string>),
    PATH: `${dirname(CLI)}:${process.env['PATH']}`,
  });

  const typed = (script: string): Promise<RunResult> =>
    run(['sh', '-c', script], { cwd: place.folder, env: environment() });

  const server = () => ({ 'pve1.example': `127.0.0.1:${cluster.host('pve1').port}` });

  it('a route for containers', async () => {
    const { exitCode, stdout, stderr } = await typed(adapted(recipes.take(ENABLE, 'sh'), server()));
    expect([exitCode, stdout.split('\n').at(-2)]).to.deep.equal([42, 'out']);
    expect(stderr).to.equal('err\n');
  });

  it('a route for virtual machines', async () => {
    const { exitCode, stdout, stderr } = await typed(adapted(recipes.take(ENABLE, 'sh'), server()));
    expect([exitCode, stdout.split('\n').at(-2)], stderr).to.deep.equal([0, '200']);
  });

  it('a route by its name', async () => {
    const { exitCode, stdout, stderr } = await typed(recipes.take(ENABLE, 'sh'));
    expect([exitCode, stdout], stderr).to.deep.equal([0, '101\n']);
  });

  it('the way that a command took', async () => {
    const { exitCode, stderr } = await typed(recipes.take(ENABLE, 'sh'));
    expect([exitCode, stderr.slice(0, stderr.lastIndexOf('proxmox-lxcri: execution'))]).to.deep.equal([
      0,
      recipes.take(ENABLE, ''),
    ]);
  });

  it('terminals, and what is said of a console before', async () => {
    const terminal = await openTerminal({ columns: 180, rows: 40 });
    for (const [name, value] of Object.entries(environment()))
      await terminal.type(`export ${name}=${shellWord(value)}`);
    const command = (): string => recipes.take(AT_TERMINAL, 'console').replace(/^\$ (.*)\n$/, '$1');
    await terminal.type(`clear; ${command()}; echo "code $?"`);
    await terminal.waitForScreen(/^\S* # ?$/m);
    await terminal.type('exit 7');
    await terminal.waitForScreen(/^code 7$/m);
    await terminal.type(`clear; ${command()}; echo "code $?"`);
    await terminal.waitForScreen(/^starting serial terminal/m);
    expect(await terminal.screen()).to.include('Ctrl-a q leaves it');
    await terminal.press('C-a', 'q');
    await terminal.waitForScreen(/^code 0$/m);
    cluster.node('pve1').tree.putContainer({ vmid: 101, hostname: '101', cmode: 'tty', node: 'pve1' });
    await terminal.type('clear; proxmox-lxcri enter --context home --method console 101; echo "code $?"');
    await terminal.waitForScreen(/Ctrl-a q leaves it/);
    expect(await terminal.screen()).to.include(recipes.take(AT_TERMINAL, '').trim());
    await terminal.waitForScreen(/^code 255$/m);
  });

  it('has nothing else', () => {
    expect(recipes.left()).to.deep.equal([]);
  });
});
