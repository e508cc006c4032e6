/** What docs/install.md tells people to type, typed in a clean root. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { cleanRoot } from '../support/clean-root.ts';
import type { CleanRoot } from '../support/clean-root.ts';
import { needs } from '../support/component.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { Recipes } from '../support/recipes.ts';
import { isTreeCached } from '../support/rootfs/cache.ts';
import { CLEAN_DEBIANS } from '../support/rootfs/clean-debian.ts';
import { run } from '../support/run.ts';
import type { RunResult } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { OWN_ARCHITECTURE, TIMEOUT_MS, fileIn, packages, skipWithoutNetwork } from './made.ts';

const OWN_NODE = OWN_ARCHITECTURE === 'arm64' ? 'arm64' : 'x64';

describe('docs/install.md', function () {
  this.timeout(TIMEOUT_MS);

  const recipes = new Recipes('docs/install.md');
  let container: Container;
  let root: CleanRoot;
  let directory: string;

  before(async function () {
    const recipe = CLEAN_DEBIANS.find(({ needed }) => needed)?.recipe;
    if (recipe === undefined) throw new Error('no clean Debian');
    needs(this, recipe.name, isTreeCached(recipe));
    directory = dirname(fileIn(await packages(), '.deb'));
    const lxcpath = scratchDirectory();
    container = await startContainer({ kind: 'busybox', name: '101', lxcpath });
    root = cleanRoot(recipe, [lxcpath, directory]);
    await root.must(`echo lxc.lxcpath=${lxcpath} >/etc/lxc/lxc.conf`);
    // People answer the question whether to go on.
    await root.must(`echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/91yes`);
  });

  after(() => container?.destroy());

  /** Types a block where the packages are. */
  function typed(heading: string): Promise<string> {
    const script = recipes
      .take(heading, 'sh')
      .replaceAll('_amd64', `_${OWN_ARCHITECTURE}`)
      .replaceAll('-x64', `-${OWN_NODE}`);
    return root.must(`cd ${directory} && set -ex\n${script}`);
  }

  it('installs and removes the Debian package', async () => {
    expect(await typed('Debian package')).to.match(/^proxmox-lxcri\/\d[^]*\nFastest: +lxc-attach/m);
    await typed('Remove');
    expect(await root.must('command -v proxmox-lxcri || true')).to.equal('');
  });

  it('unpacks the tarball', async () => {
    expect(await typed('Tarball')).to.match(/^proxmox-lxcri\/\d/);
    expect(await root.must('cd / && proxmox-lxcri exec 101 -- echo hello')).to.equal('hello\n');
  });

  it('installs the package of npm, with its caches and node-pty', async function () {
    const prefix = scratchDirectory();
    // npm ci has fetched most of it.
    const env = { ...process.env, npm_config_prefix: prefix, npm_config_prefer_offline: 'true' };
    const script = recipes.take('npm', 'sh');
    const { exitCode, stderr } = await run(['bash', '-ec', script], { cwd: directory, env, timeoutMs: TIMEOUT_MS });
    if (exitCode !== 0) skipWithoutNetwork(this, stderr);
    const installed = join(prefix, 'lib/node_modules/proxmox-lxcri');
    expect(readdirSync(join(installed, 'dist')).filter((name) => name.endsWith('.cache'))).not.to.deep.equal([]);
    // Not all that doctor finds on this host need be well.
    const call = (...words: string[]): Promise<RunResult> =>
      run([join(prefix, 'bin/proxmox-lxcri'), ...words], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    expect((await call('--version')).stdout).to.match(/^proxmox-lxcri\/\d.* node-v24\./);
    const { checks } = JSON.parse((await call('doctor', '--json')).stdout) as {
      checks: { name: string; result: string }[];
    };
    expect(checks.find(({ name }) => name === 'node-pty')).to.include({ result: 'ok' });
  });

  it('names what other tests do: npm run setup:host, and npm run package', () => {
    expect(recipes.take('Build the packages', 'sh')).to.match(/^npm ci\n/);
    expect(recipes.left()).to.deep.equal([]);
  });
});
