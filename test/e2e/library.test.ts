/** The library as a program gets it: from the packed package, type-checked, bundled, and run on real containers. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { build } from 'esbuild';
import { expect } from 'chai';

import { processesMatching, run, scratchDirectory, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, RunOptions, RunResult } from '../support/lxc.ts';
import { must } from '../support/run.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const EXAMPLES = readdirSync(join(ROOT, 'examples'));

describe('the packed library', () => {
  let container: Container;
  let tarball: string;
  /** A program's folder, which has the package and nothing else. */
  let bare: string;
  /** The same with the optional node-pty, and with what a developer has. */
  let full: string;

  before(async () => {
    container = await startContainer({ kind: 'debian' });
    const directory = scratchDirectory();
    const packed = await must(['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', directory], {
      cwd: ROOT,
    });
    tarball = join(directory, (JSON.parse(packed.stdout) as { filename: string }[])[0]?.filename ?? '');
    bare = await programFolder([]);
    full = await programFolder(['node-pty', '@types/node', 'undici-types']);
  });

  after(() => container.destroy());

  /** A folder with the examples and the unpacked package, and packages of this checkout beside it. */
  async function programFolder(packages: readonly string[]): Promise<string> {
    const folder = scratchDirectory();
    const installed = join(folder, 'node_modules/proxmox-lxcri');
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    mkdirSync(installed);
    await must(['tar', '-xzf', tarball, '-C', installed, '--strip-components=1']);
    for (const name of packages) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    for (const part of ['examples', 'test/fixtures/library']) cpSync(join(ROOT, part), folder, { recursive: true });
    return folder;
  }

  function node(folder: string, words: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run([process.execPath, ...words], { cwd: folder, ...options });
  }

  async function expectRun(folder: string, words: readonly string[], exitCode: number, stdout: RegExp): Promise<void> {
    const done = await node(folder, words);
    expect(done.stderr).to.equal('');
    expect([done.exitCode, done.stdout]).to.satisfy(
      ([code, text]: [number, string]) => code === exitCode && stdout.test(text),
      JSON.stringify([done.exitCode, done.stdout]),
    );
  }

  it('has an example for every style, and the documentation leads to each', () => {
    expect(EXAMPLES.toSorted()).to.deep.equal([
      'cancelled.mts',
      'captured.cjs',
      'captured.mts',
      'interactive.mts',
      'streaming.mts',
    ]);
    const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
    expect(EXAMPLES.filter((name) => !text.includes(`(../examples/${name})`))).to.deep.equal([]);
  });

  describe('type-checked without leaving out any declaration', () => {
    async function compile(options: object, files: readonly string[]): Promise<RunResult> {
      const strict = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noUnusedLocals: true,
      };
      const common = { target: 'es2024', lib: ['es2024'], types: ['node'], noEmit: true, skipLibCheck: false };
      const name = join(full, `tsconfig.${Math.random()}.json`);
      writeFileSync(name, JSON.stringify({ compilerOptions: { ...common, ...strict, ...options }, files }));
      return run([join(ROOT, 'node_modules/.bin/tsc'), '-p', name], { cwd: full });
    }

    async function check(options: object, files: readonly string[]): Promise<void> {
      const { exitCode, stdout } = await compile(options, files);
      expect([exitCode, stdout]).to.deep.equal([0, '']);
    }

    const modules = EXAMPLES.filter((name) => name.endsWith('.mts'));

    it('as ES modules and as CommonJS, as Node resolves them', () =>
      check({ module: 'nodenext' }, [...modules, 'types.mts', 'types.cts']));

    it('as Node resolved them before it could require() ES modules', () =>
      check({ module: 'node16' }, [...modules, 'types.mts', 'types.cts']));

    it('as bundlers resolve them', () =>
      check({ module: 'esnext', moduleResolution: 'bundler' }, [...modules, 'types.mts']));

    it('for a program that does not name the types of Node', () =>
      check({ module: 'nodenext', types: [] }, ['types.mts', 'types.cts']));

    it('and a mistake in a program is found', async () => {
      writeFileSync(
        join(full, 'wrong.mts'),
        "import { createRuntime } from 'proxmox-lxcri'; createRuntime().exec('web', 'ls');\n",
      );
      const { exitCode, stdout } = await compile({ module: 'nodenext' }, ['wrong.mts']);
      expect([exitCode, stdout.includes('TS2345')], stdout).to.deep.equal([1, true]);
    });
  });

  it('runs without any other package: captured', () =>
    expectRun(bare, ['captured.mts', container.name], 0, new RegExp(`^on ${container.name}\n.* /\n$`)));

  it('tells what went wrong: captured', async () => {
    const { exitCode, stdout, stderr } = await node(bare, ['captured.mts', 'plx-no-such']);
    expect([exitCode, stdout]).to.deep.equal([125, '']);
    expect(stderr).to.match(/^ContainerNotFound: no container plx-no-such .*\nlist the containers with: /);
  });

  it('runs without any other package: CommonJS', () =>
    expectRun(bare, ['captured.cjs', container.name], 0, new RegExp(`^${container.name}: [\\d.]+ .*\n$`)));

  it('runs without any other package: streaming', async () => {
    const script =
      'mkdir /srv/data && cd /srv/data && head -c 5000000 /dev/urandom >big && mkdir sub && echo é >sub/small';
    expect((await container.attach(['sh', '-c', script])).exitCode).to.equal(0);
    await expectRun(
      bare,
      ['streaming.mts', container.name, '/srv/data', 'data.tar.gz', '/srv/copy'],
      0,
      /^\/srv\/data of /,
    );
    const compared = await container.attach(['diff', '-r', '/srv/data', '/srv/copy']);
    expect([compared.exitCode, compared.stdout]).to.deep.equal([0, '']);
    const missing = await node(bare, ['streaming.mts', container.name, '/no/such', 'none.tar.gz', '/srv/none']);
    expect(missing.exitCode).to.equal(1);
    expect([missing.stderr.includes('/no/such'), existsSync(join(bare, 'none.tar.gz'))]).to.deep.equal([true, false]);
  });

  it('runs with node-pty: interactive', () =>
    expectRun(full, ['interactive.mts', container.name], 0, /^30 100, then 40 120\nexit code 7\n$/));

  it('says that a terminal needs node-pty', async () => {
    const code = `
      import { createRuntime } from 'proxmox-lxcri';
      const { error } = await createRuntime().exec(process.argv[1], ['sh'], { terminal: {} });
      console.log(error.code + ': ' + error.message);`;
    await expectRun(bare, ['--input-type=module', '-e', code, container.name], 0, /^NoMethodAvailable: .*node-pty/);
  });

  it('runs without any other package: cancelled by time', async () => {
    await expectRun(
      bare,
      ['cancelled.mts', container.name, '1'],
      143,
      /^started in .*\npid \d+\ncanceled, all of it has ended\n$/,
    );
    expect(await processesMatching(container, '1000')).to.deep.equal([]);
  });

  it('runs without any other package: cancelled by Ctrl-C', async () => {
    const child = spawn(process.execPath, ['cancelled.mts', container.name, '50'], { cwd: bare });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    try {
      await waitFor(() => shown.includes('pid '), { what: 'the command' });
      child.kill('SIGINT');
      await waitFor(() => child.exitCode !== null && child.stdout.readableEnded, { what: 'the program to end' });
    } finally {
      child.kill('SIGKILL');
    }
    expect([child.exitCode, shown.includes('canceled, all of it has ended')]).to.deep.equal([143, true]);
    expect(await processesMatching(container, '1000')).to.deep.equal([]);
  });

  it('knows its errors across both of its bundles', async () => {
    const { stdout, stderr } = await node(bare, ['bundles.mjs']);
    expect(stderr).to.equal('');
    expect(JSON.parse(stdout)).to.deep.equal({
      apart: true,
      same: true,
      known: [true, true, true, true],
      codes: ['ContainerNotFound', 'ContainerNotFound'],
    });
  });

  for (const format of ['esm', 'cjs'] as const) {
    it(`can be bundled into a program of one file (${format})`, async () => {
      const file = join(scratchDirectory(), format === 'esm' ? 'program.mjs' : 'program.cjs');
      const entry = {
        contents: `import { createRuntime } from 'proxmox-lxcri';
        createRuntime().exec(process.argv[2], ['echo', 'bundled']).then(({ stdout }) => process.stdout.write(stdout));`,
        resolveDir: bare,
      };
      const made = await build({
        stdin: entry,
        bundle: true,
        platform: 'node',
        format,
        outfile: file,
        logLevel: 'silent',
      });
      expect(made.errors).to.deep.equal([]);
      await expectRun('/', [file, container.name], 0, /^bundled\n$/);
    });
  }
});
