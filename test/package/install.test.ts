/** The Debian package where nothing of this project has ever been: installed, used, upgraded, removed, purged. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { cleanRoot } from '../support/clean-root.ts';
import type { CleanRoot } from '../support/clean-root.ts';
import { needs } from '../support/component.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { isTreeCached } from '../support/rootfs/cache.ts';
import { CLEAN_DEBIANS } from '../support/rootfs/clean-debian.ts';
import { must } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { OWN_ARCHITECTURE, TIMEOUT_MS, fileIn, packages } from './made.ts';

const NEXT = '99.0';
const CONFIGURATION = '/etc/proxmox-lxcri/config.yaml';

/** The same package as a later version. */
async function makeNextVersion(deb: string): Promise<string> {
  const tree = scratchDirectory();
  const file = join(scratchDirectory(), `proxmox-lxcri_${NEXT}_${OWN_ARCHITECTURE}.deb`);
  await must(['dpkg-deb', '--raw-extract', deb, tree]);
  const control = join(tree, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${NEXT}`));
  await must(['dpkg-deb', '-Znone', '--root-owner-group', '--build', tree, file]);
  return file;
}

let nextMade: Promise<string> | undefined;

/** What apt prints is for people; what fails, fails. */
const APT = 'apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io';

for (const { recipe, needed } of CLEAN_DEBIANS) {
  describe(`the Debian package in a root of ${recipe.name}`, function () {
    this.timeout(TIMEOUT_MS);

    let container: Container;
    let root: CleanRoot;
    let original: string[];
    let deb: string;
    let next: string;

    before(async function () {
      const there = isTreeCached(recipe);
      if (needed) needs(this, recipe.name, there);
      else if (!there) {
        console.log(`SKIPPED: ${recipe.name} is missing: npm run setup:host makes it, or says why it cannot`);
        this.skip();
      }
      deb = fileIn(await packages(), '.deb');
      const lxcpath = scratchDirectory();
      container = await startContainer({ kind: 'busybox', name: '101', lxcpath });
      next = await (nextMade ??= makeNextVersion(deb));
      root = cleanRoot(recipe, [lxcpath, dirname(deb), dirname(next)]);
      await root.must(`echo lxc.lxcpath=${lxcpath} >/etc/lxc/lxc.conf`);
      original = await root.files();
    });

    after(() => container?.destroy());

    /** The names of the caches, of which each has a time. */
    const caches = (): Promise<string> => root.must('stat -c "%n %i" /usr/lib/proxmox-lxcri/dist/*.cache');

    it('is installed by apt, without a network, and says nothing of a configuration', async () => {
      const { exitCode, stdout, stderr } = await root.run(`${APT} install ${deb}`);
      expect(exitCode, stderr).to.equal(0);
      expect(stdout).not.to.include('proxmox-lxcri: ');
      expect(await root.must('dpkg --verify proxmox-lxcri')).to.equal('');
      expect((await caches()).trim().split('\n').length).to.be.greaterThan(3);
      expect(await root.must(`ls -d /etc/proxmox-lxcri /var/lib/proxmox-lxcri 2>/dev/null || true`)).to.equal('');
    });

    it('runs with its own Node', async () => {
      expect(await root.must('proxmox-lxcri --version')).to.match(/^proxmox-lxcri\/\d+\.\d+\.\d+ /);
      expect(await root.must('command -v node || true')).to.equal('');
      const { checks } = JSON.parse(await root.must('proxmox-lxcri doctor --json 101')) as {
        checks: { name: string; result: string; detail: string }[];
      };
      const check = (name: string): unknown => checks.find((each) => each.name === name);
      expect(check('node')).to.have.property('detail').that.includes('/usr/lib/proxmox-lxcri/');
      expect(check('node-pty')).to.include({ result: 'ok' });
    });

    it('runs commands in a container, also with a terminal where there is none', async () => {
      const { exitCode, stdout, stderr } = await root.run(
        `proxmox-lxcri exec 101 -- sh -c 'echo out; echo err >&2; exit 42'`,
      );
      expect([exitCode, stdout, stderr]).to.deep.equal([42, 'out\n', 'err\n']);
      expect(await root.must('proxmox-lxcri exec -t 101 -- tty </dev/null')).to.match(
        /^\/dev\/(pts\/\d+|console)\r?\n$/,
      );
    });

    it('has a manual for every verb, an example that is valid, and its documentation', async () => {
      expect(await root.must('man proxmox-lxcri-exec | cat')).to.include('proxmox-lxcri exec [FLAGS] CONTAINER');
      const verbs = await root.must(`proxmox-lxcri --help | sed -n '/^COMMANDS/,$s/^  \\([a-z]\\+\\) .*/\\1/p'`);
      expect(verbs.split('\n')).to.include('doctor');
      await root.must(`man -w proxmox-lxcri ${verbs.trim().replaceAll(/^/gm, 'proxmox-lxcri-').replaceAll('\n', ' ')}`);
      const example = '/usr/share/doc/proxmox-lxcri/examples/config.yaml';
      await root.must(
        `PROXMOX_LXCRI_CONFIG=${example} proxmox-lxcri config show && zcat /usr/share/doc/proxmox-lxcri/changelog.gz`,
      );
    });

    it('completes verbs, flags and containers in a bash at a terminal', async () => {
      const typed = String.raw`proxmox-lxcri conf\tsh\t--orig\t\nproxmox-lxcri exec --no-stdin 10\t-- echo 'done at' 'last'\nexit\n`;
      const bash = 'HISTFILE= bash --rcfile /usr/share/bash-completion/bash_completion -i';
      const screen = await root.must(`printf '%b' ${JSON.stringify(typed)} | script -qec '${bash}' /dev/null`);
      expect(screen)
        .to.include('stateDirectory')
        .and.match(/^done at last\r?$/m);
    });

    it('is upgraded with its configuration kept, and caches of the new version', async () => {
      await root.must(`mkdir -p ${dirname(CONFIGURATION)} && echo 'methods: [lxc-attach]' >${CONFIGURATION}`);
      const old = await caches();
      await root.must(`${APT} install ${next}`);
      expect(await root.must(`dpkg-query -W -f '\${Version}' proxmox-lxcri`)).to.equal(NEXT);
      expect(await root.must(`cat ${CONFIGURATION}`)).to.equal('methods: [lxc-attach]\n');
      expect(await caches()).not.to.equal(old);
      await root.must('proxmox-lxcri exec 101 -- true');
    });

    it('is removed with its configuration kept, and purged to nothing', async () => {
      await root.must('proxmox-lxcri exec -d 101 -- true >/dev/null; mkdir -p /var/cache/proxmox-lxcri');
      await root.must(`${APT} remove proxmox-lxcri`);
      const kept = await root.files();
      expect(kept.filter((path) => path.startsWith('/usr') && !original.includes(path))).to.deep.equal([]);
      expect(kept).to.include(CONFIGURATION);
      await root.must(`${APT} purge proxmox-lxcri && ls -d /var/cache/proxmox-lxcri && exit 1 || true`);
      expect((await root.files()).filter((path) => !original.includes(path))).to.deep.equal([]);
      // Also where there is nothing any more.
      await root.must(`dpkg --purge proxmox-lxcri`);
    });

    it('is installed also on a Proxmox node where nothing can be measured, and says so', async () => {
      const tree = createPveTree({ node: 'pve1', containers: [{ vmid: 101, hostname: 'web' }] });
      cpSync(tree.dir, join(root.upper, 'etc/pve'), { recursive: true, verbatimSymlinks: true });
      await container.stop();
      const said = await root.must(`${APT} install ${deb}`);
      expect(said).to.match(/^proxmox-lxcri: wrote no configuration, .*\nproxmox-lxcri: \w+: .+/m);
      expect(await root.must(`ls ${dirname(CONFIGURATION)} || true`)).to.equal('');
    });

    it('writes the first configuration of a Proxmox node, and says so', async () => {
      await container.start();
      const said = await root.must(`dpkg-reconfigure proxmox-lxcri`);
      expect(said).to.include(`proxmox-lxcri: Written to ${CONFIGURATION}: methods: [lxc-attach, `);
      expect(await root.must(`cat ${CONFIGURATION}`)).to.match(/^methods: \[lxc-attach/m);
      expect(await root.must(`dpkg-reconfigure proxmox-lxcri`)).to.equal('');
    });
  });
}
