/** What the build made: the bundles, their code cache, and the start that loads them. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { basename, join, resolve } from 'node:path';
import type { Script } from 'node:vm';

import { expect } from 'chai';

import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BUNDLES = [
  'main.cjs',
  'oclif.cjs',
  'hook.cjs',
  'config-yaml.cjs',
  'contexts.cjs',
  'contexts-yaml.cjs',
  'docker.cjs',
  'kubernetes.cjs',
];

interface Start {
  cacheFile: (bundle: string) => string;
  compile: (bundle: string, cachedData?: Buffer) => Script;
}

function startOf(root: string): Start {
  return createRequire(import.meta.url)(join(root, 'dist/start.cjs')) as Start;
}

/** What is shipped, without a checkout around it. */
function shipped(): string {
  const root = scratchDirectory();
  for (const name of ['dist', 'package.json', 'oclif.manifest.json']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  return root;
}

async function help(root: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run([process.execPath, join(root, 'dist/start.cjs'), 'exec', '--help']);
  expect([exitCode, stderr]).to.deep.equal([0, '']);
  return stdout;
}

describe('the code cache', () => {
  for (const name of BUNDLES) {
    it(`is taken by this Node for ${name}`, () => {
      const { cacheFile, compile } = startOf(ROOT);
      const bundle = join(ROOT, 'dist', name);
      expect(compile(bundle, readFileSync(cacheFile(bundle))).cachedDataRejected).to.equal(false);
    });
  }

  it('is made in its own directory, and a failure is one line', async () => {
    const root = shipped();
    const maker = join(root, 'scripts/build/code-cache.cjs');
    cpSync(join(ROOT, 'scripts/build'), join(root, 'scripts/build'), { recursive: true });
    const { cacheFile } = startOf(root);
    rmSync(cacheFile(join(root, 'dist/main.cjs')));
    // What one that was killed has left.
    mkdirSync(join(root, 'dist/work.cache.new/old'), { recursive: true });
    const env = { ...process.env, TMPDIR: '/nonexistent' };
    expect(await run([process.execPath, maker], { env })).to.include({ exitCode: 0, stderr: '' });
    const files = readdirSync(join(root, 'dist'));
    expect(files).to.include(basename(cacheFile(join(root, 'dist/main.cjs'))));
    expect(files.filter((name) => name.endsWith('.new'))).to.deep.equal([]);
    rmSync(join(root, 'dist'), { recursive: true });
    const failed = await run([process.execPath, maker], { env });
    expect(failed.exitCode).to.equal(1);
    expect(failed.stderr).to.match(/^proxmox-lxcri: the start could not be made faster; .*ENOENT.*\n$/);
  });

  it('may be missing', async () => {
    const root = shipped();
    for (const file of readdirSync(join(root, 'dist'))) if (file.endsWith('.cache')) rmSync(join(root, 'dist', file));
    expect(await help(root)).to.include('USAGE');
  });

  it('of another program is refused, and does no harm', async () => {
    const root = shipped();
    const { cacheFile, compile } = startOf(root);
    const [main, oclif] = BUNDLES.map((name) => join(root, 'dist', name)) as [string, string];
    const foreign = readFileSync(cacheFile(oclif));
    writeFileSync(cacheFile(main), foreign);
    expect(compile(main, foreign).cachedDataRejected).to.equal(true);
    expect(await help(root)).to.include('USAGE');
  });

  it('of another V8 is refused, and does no harm', async () => {
    const root = shipped();
    const { cacheFile, compile } = startOf(root);
    const main = join(root, 'dist/main.cjs');
    const foreign = readFileSync(cacheFile(main));
    // The header's second word is the hash of V8's version.
    foreign.writeUInt8(foreign.readUInt8(4) ^ 1, 4);
    writeFileSync(cacheFile(main), foreign);
    expect(compile(main, foreign).cachedDataRejected).to.equal(true);
    expect(await help(root)).to.include('USAGE');
  });
});

describe('the bundles', () => {
  it('need no package beside them but node-pty', () => {
    // What `ws` takes where it is there.
    const optional = ['bufferutil', 'utf-8-validate'];
    const dist = join(ROOT, 'dist');
    const files = readdirSync(dist).filter((name) => /\.c?js$/.test(name));
    expect(files).to.include.members(['main.cjs', 'index.js', 'kubernetes.cjs']);
    const needed = new Set<string>();
    for (const file of files) {
      const text = readFileSync(join(dist, file), 'utf8');
      const calls = text.matchAll(
        /\b(?:require|import)\(\s*["']([^"'./][^"']*)["']\s*\)|^(?:import|\} from) .*["']([^"'./][^"']*)["'];$/gm,
      );
      for (const [, called, imported] of calls) needed.add(called ?? imported ?? '');
    }
    const foreign = [...needed].filter((name) => !isBuiltin(name) && !optional.includes(name));
    expect(foreign).to.deep.equal(['node-pty']);
  });

  it('let exec run without oclif, and without what its rarer flags need', async () => {
    const root = shipped();
    for (const name of ['oclif', 'exec-lock', 'only-on-failure']) rmSync(join(root, `dist/${name}.cjs`));
    rmSync(join(root, 'oclif.manifest.json'));
    const { exitCode, stderr } = await run([
      process.execPath,
      join(root, 'dist/start.cjs'),
      'exec',
      'no-such-container',
      'true',
    ]);
    expect(stderr).to.include('ContainerNotFound');
    expect(exitCode).to.equal(125);
  });

  it('are a library for require() and for import', async () => {
    const root = shipped();
    const asked = 'typeof createRuntime';
    const required = `const {createRuntime} = require('proxmox-lxcri'); console.log(${asked})`;
    const imported = `import {createRuntime} from 'proxmox-lxcri'; console.log(${asked})`;
    // A package may import itself by its name.
    expect((await run([process.execPath, '-e', required], { cwd: root })).stdout).to.equal('function\n');
    expect((await run([process.execPath, '--input-type=module', '-e', imported], { cwd: root })).stdout).to.equal(
      'function\n',
    );
  });
});

describe('the library', () => {
  it('reads what only some calls need when they do, and holds no WebSockets', async () => {
    const root = shipped();
    for (const name of ['index.js', 'index.cjs'])
      expect(readFileSync(join(root, 'dist', name), 'utf8'), name).not.to.include('Sec-WebSocket');
    expect(readFileSync(join(root, 'dist/terminal.cjs'), 'utf8')).to.include('Sec-WebSocket');
    // As the module imports them: their names have to be seen without running them.
    const bundles = { cluster: 'findGuest', nodes: 'findOnNode', agent: 'startInGuest', terminal: 'openTerminal' };
    for (const [name, exported] of Object.entries(bundles)) {
      const asked = `import('./dist/${name}.cjs').then((bundle) => console.log(typeof bundle.${exported}))`;
      const { stdout } = await run([process.execPath, '--input-type=module', '-e', asked], { cwd: root });
      expect(stdout, name).to.equal('function\n');
    }
  });
});

describe('the start', () => {
  /** start.cjs with a Node of this version around it; it sees nothing else of the real one. */
  function startUnder(version: string): { said: string[]; code: number | undefined; loaded: string[] } {
    const seen = { said: [] as string[], code: undefined as number | undefined, loaded: [] as string[] };
    const ended = new Error('process.exit');
    const module = {};
    const fakeRequire = Object.assign((id: string) => (seen.loaded.push(id), {}), { main: module, extensions: {} });
    const fakeProcess = {
      versions: { node: version },
      env: {},
      execPath: '/usr/bin/node',
      exit: (code: number) => {
        seen.code = code;
        throw ended;
      },
    };
    // oxlint-disable-next-line typescript/no-implied-eval
    const start = new Function(
      'require',
      'module',
      'process',
      'console',
      readFileSync(join(ROOT, 'dist/start.cjs'), 'utf8'),
    );
    try {
      start(fakeRequire, module, fakeProcess, { error: (line: string) => seen.said.push(line) });
    } catch (error) {
      if (error !== ended) throw error;
    }
    return seen;
  }

  for (const version of ['12.22.9', '20.20.2', '22.18.0']) {
    it(`says that Node ${version} is too old, and loads nothing`, () => {
      const { said, code, loaded } = startUnder(version);
      expect(said).to.deep.equal([`proxmox-lxcri: needs Node.js 22.19 or later, found ${version} (/usr/bin/node)`]);
      expect(code).to.equal(125);
      expect(loaded).not.to.include('./main.cjs');
    });
  }

  for (const version of ['22.19.0', '24.0.0', '26.10.0']) {
    it(`loads the program under Node ${version}`, () => {
      const { said, loaded } = startUnder(version);
      expect(said).to.deep.equal([]);
      expect(loaded).to.include('./main.cjs');
    });
  }
});
