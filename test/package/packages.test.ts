/** What npm run package makes, without installing it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { AGENT_ARCHITECTURES } from '../../src/guest-agent/parts.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { needs } from '../support/component.ts';
import { needsGo } from '../support/go.ts';
import { must, run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { OWN_ARCHITECTURE, ROOT, TIMEOUT_MS, fileIn, makePackages, packages, skipWithoutNetwork } from './made.ts';

const OTHER = OWN_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];

function sums(directory: string): string[] {
  const sum = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex');
  return readdirSync(directory).map((name) => `${sum(name)} ${name}`);
}

async function control(deb: string): Promise<Map<string, string>> {
  const { stdout } = await must(['dpkg-deb', '--field', deb]);
  return new Map([...stdout.matchAll(/^(\S+): (.*)/gm)].map(([, field = '', value = '']) => [field, value]));
}

describe('the packages', function () {
  this.timeout(TIMEOUT_MS);

  let made: string;
  let elsewhere: string;
  let again: Promise<string>;
  let others: Promise<string>;

  before(async function () {
    needsGo(this);
    for (const tool of ['dpkg-deb', 'lintian', 'man', 'mandoc', 'shellcheck'])
      needs(this, tool, findExecutable(tool) !== undefined);
    made = await packages();
    elsewhere = scratchDirectory();
    // While the tests run that do not need them.
    again = makePackages([`--only=${OWN_ARCHITECTURE}`], { TZ: 'Asia/Tokyo', LC_ALL: 'C', TMPDIR: elsewhere });
    others = again.then(() => makePackages([`--only=${OTHER}`]));
    others.catch(() => {});
  });

  it('have no error and no warning of lintian', async () => {
    const { stdout, exitCode } = await run(
      ['lintian', '--allow-root', '--fail-on', 'error,warning', fileIn(made, '.deb')],
      {
        timeoutMs: TIMEOUT_MS,
      },
    );
    expect([exitCode, stdout]).to.deep.equal([0, '']);
  });

  it('have scripts without a fault', async () => {
    const paths = MAINTAINER_SCRIPTS.map((name) => join(ROOT, 'scripts/package/debian', name));
    await must(['shellcheck', '--shell=sh', join(ROOT, 'guest-agent/init/lxcri-agent-init'), ...paths]);
  });

  it('hold nothing of this machine', async () => {
    const tree = scratchDirectory();
    await must(['dpkg-deb', '--raw-extract', fileIn(made, '.deb'), tree]);
    const { stdout } = await run([
      'grep',
      '--recursive',
      '--text',
      '--files-with-matches',
      '--fixed-strings',
      ROOT,
      tree,
    ]);
    expect(stdout).to.equal('');
    const listing = await must(['dpkg-deb', '--contents', fileIn(made, '.deb')]);
    expect(listing.stdout.split('\n').filter((line) => !/^([-d]rw|l).* root\/root |^$/.test(line))).to.deep.equal([]);
  });

  it('name whose work they hold', async () => {
    const copyright = (await must(['dpkg-deb', '--fsys-tarfile', fileIn(made, '.deb')], {})).stdoutBytes.toString(
      'latin1',
    );
    for (const work of [
      'node_modules/ws/*',
      'node_modules/@oclif/core/*',
      'node_modules/node-pty/*',
      'node_modules/node-linux-*',
      'google.golang.org/grpc/*',
      'golang.org/x/sys/*',
      'go/*',
    ])
      expect(copyright).to.include(`\nFiles: ${work}\nCopyright: `);
  });

  it('hold manuals that render without a warning', async () => {
    const tree = scratchDirectory();
    await must(['tar', '--extract', '--strip-components=1', '--directory', tree, '--file', fileIn(made, '.tar.gz')]);
    const pages = join(tree, 'share/man/man1');
    const files = readdirSync(pages).map((name) => join(pages, name));
    expect(files.length).to.be.greaterThan(15);
    const lint = await run(['mandoc', '-T', 'lint', '-W', 'warning', ...files]);
    expect([lint.exitCode, lint.stdout]).to.deep.equal([0, '']);
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '' };
    const groff = await run(['man', '--warnings', '-E', 'UTF-8', '-Tutf8', '-Z', '-l', ...files], { env });
    expect([groff.exitCode, groff.stderr]).to.deep.equal([0, '']);
  });

  it('hold a tarball that runs from anywhere, without any other Node', async () => {
    const place = scratchDirectory();
    await must(['tar', '--extract', '--directory', place, '--file', fileIn(made, '.tar.gz')]);
    const [name = ''] = readdirSync(place);
    mkdirSync(join(place, 'bin'));
    const link = join(place, 'bin/proxmox-lxcri');
    symlinkSync(`../${name}/bin/proxmox-lxcri`, link);
    const env = { PATH: '/nonexistent' };
    expect((await must([link, '--version'], { env })).stdout).to.match(/^proxmox-lxcri\/\d/);
    expect((await must([link, 'exec', '--help'], { env })).stdout).to.include('CONTAINER');
    const program = join(place, name);
    await must([join(program, 'node/bin/node'), join(program, 'scripts/build/code-cache.cjs')], { env });
    expect(readdirSync(join(program, 'dist')).filter((file) => file.endsWith('.cache'))).not.to.deep.equal([]);
    rmSync(place, { recursive: true });
  });

  it('hold the guest agent for both kinds of machines, of this version and with nothing of this machine', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const place = scratchDirectory();
    const trees = ['deb', 'tar.gz', 'tgz'].map((end) => join(place, end));
    const [deb = '', tarball = '', npm = ''] = trees;
    for (const tree of trees) mkdirSync(tree);
    await must(['dpkg-deb', '--extract', fileIn(made, '.deb'), deb]);
    await must(['tar', '--strip-components=1', '-C', tarball, '-xf', fileIn(made, '.tar.gz')]);
    await must(['tar', '--strip-components=1', '-C', npm, '-xf', fileIn(made, '.tgz')]);
    const agents = join(deb, 'usr/lib/proxmox-lxcri/dist/guest-agent');
    expect(sums(join(tarball, 'dist/guest-agent'))).to.deep.equal(sums(agents));
    // It has no other file that could say whose work the agent is made of.
    expect(readFileSync(join(npm, 'dist/guest-agent/third-party.txt'), 'utf8')).to.include('google.golang.org/grpc');
    rmSync(join(npm, 'dist/guest-agent/third-party.txt'));
    expect(sums(join(npm, 'dist/guest-agent'))).to.deep.equal(sums(agents));
    expect(readFileSync(join(npm, 'dist/third-party.txt'), 'utf8')).to.include('node_modules/@bufbuild/protobuf/*');
    const env = { PATH: '/nonexistent', PROXMOX_LXCRI_CONFIG: '/dev/null' };
    const cache = (await must(['go', 'env', 'GOMODCACHE'])).stdout.trim();
    for (const architecture of AGENT_ARCHITECTURES) {
      const to = join(place, architecture);
      // oxlint-disable-next-line no-await-in-loop
      await must([join(deb, 'usr/bin/proxmox-lxcri'), 'agent', 'export', '--arch', architecture, to], { env });
      const agent = readFileSync(join(to, 'proxmox-lxcri-agent'));
      for (const path of [ROOT, cache]) expect(agent.includes(path), path).to.equal(false);
    }
    const agent = join(place, OWN_ARCHITECTURE, 'proxmox-lxcri-agent');
    expect((await must([agent, '--version'])).stdout).to.equal(`${version}\n`);
  });

  it('hold for npm what makes the caches where it is installed, and none', async () => {
    const listing = (await must(['tar', '--list', '--file', fileIn(made, '.tgz')])).stdout.split('\n');
    expect(listing.filter((path) => path.endsWith('.cache'))).to.deep.equal([]);
    expect(listing)
      .to.include('package/scripts/install-code-cache.cjs')
      .and.include('package/scripts/build/code-cache.cjs');
    const place = scratchDirectory();
    await must(['tar', '--extract', '--directory', place, '--file', fileIn(made, '.tgz')]);
    await must([process.execPath, join(place, 'package/scripts/install-code-cache.cjs')]);
    expect(readdirSync(join(place, 'package/dist')).filter((file) => file.endsWith('.cache'))).not.to.deep.equal([]);
  });

  it('are the same bytes when they are made again, by somebody else', async () => {
    expect(sums(await again)).to.deep.equal(sums(made));
    expect(readdirSync(elsewhere)).to.deep.equal([]);
  });

  it('are of the time that SOURCE_DATE_EPOCH names, for the other kind of machine too', async function () {
    // Its Node is fetched now.
    await others.catch((error: Error) => skipWithoutNetwork(this, error.message));
    const deb = fileIn(await others, '.deb');
    const fields = await control(deb);
    expect(fields.get('Architecture')).to.equal(OTHER);
    expect(fields.get('Depends')).to.match(/^libc6 \(>= 2\.\d\d\), libgcc-s1, libstdc\+\+6 \(>= \d+\)$/);
    expect(fields.get('Depends')).to.equal((await control(fileIn(made, '.deb'))).get('Depends'));
    const tree = scratchDirectory();
    await must(['dpkg-deb', '--extract', deb, tree]);
    for (const binary of ['node/bin/node', 'node_modules/node-pty/build/Release/pty.node']) {
      // oxlint-disable-next-line no-await-in-loop
      const { stdout } = await must(['readelf', '--file-header', join(tree, 'usr/lib/proxmox-lxcri', binary)]);
      expect(stdout).to.match(OTHER === 'arm64' ? /Machine: +AArch64/ : /Machine: +Advanced Micro Devices X86-64/);
    }
    const listing = (await must(['tar', '--list', '--verbose', '--utc', '--file', fileIn(await others, '.tar.gz')]))
      .stdout;
    const wrong = listing
      .split('\n')
      .filter((line) => !/^(-rwxr-xr-x|-rw-r--r--|drwxr-xr-x) 0\/0 +\d+ 2023-11-14 22:13 |^$/.test(line));
    expect(wrong).to.deep.equal([]);
  });
});
