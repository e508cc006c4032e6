/** Makes dist/, as described in the table below, and oclif.manifest.json. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';

import { BUNDLED_FILE, bundledPackages } from './build/bundled.ts';
import { writeCompletions } from './completions/write.ts';
import { bundledLicences } from './package/licences.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/**
 * The bundles of the program. Each is one file that is read only when it is needed: `await import('./cli/oclif.ts')`
 * anywhere in src/ becomes `require('./oclif.cjs')`, or stays an import of it in the library's module. A further lazy bundle
 * is one more line.
 */
const BUNDLES: Record<string, string> = {
  'src/main.ts': 'main.cjs',
  'src/cli/oclif.ts': 'oclif.cjs',
  'src/cli/run-hook.ts': 'hook.cjs',
  'src/config/yaml.ts': 'config-yaml.cjs',
  'src/cli/exec-lock.ts': 'exec-lock.cjs',
  'src/cli/only-on-failure.ts': 'only-on-failure.cjs',
  'src/oci/targets.ts': 'targets.cjs',
  'src/cli/exec-many.ts': 'exec-many.cjs',
  'src/cli/exec-detached.ts': 'exec-detached.cjs',
  'src/cli/supervise.ts': 'supervise.cjs',
  'src/cli/complete.ts': 'complete.cjs',
  'src/contexts/room.ts': 'contexts.cjs',
  'src/oci/cluster.ts': 'cluster.cjs',
  'src/contexts/yaml.ts': 'contexts-yaml.cjs',
  'src/remote/nodes.ts': 'nodes.cjs',
  'src/proxmox/terminal/open.ts': 'terminal.cjs',
  'src/methods/agent/start.ts': 'agent.cjs',
  'src/methods/console/start.ts': 'console.cjs',
  'src/methods/console/visit.ts': 'visit.cjs',
  'src/methods/docker/room.ts': 'docker.cjs',
  'src/docker/dial-ssh.ts': 'docker-ssh.cjs',
  'src/methods/kubernetes/room.ts': 'kubernetes.cjs',
  'src/kubernetes/yaml.ts': 'kubernetes-yaml.cjs',
  'src/methods/vsock/room.ts': 'vsock.cjs',
  'src/guest-agent/export.ts': 'agent-export.cjs',
};

const lazyBundles: Plugin = {
  name: 'lazy-bundles',
  setup(context) {
    context.onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) => {
      const bundle = BUNDLES[relative(ROOT, resolve(resolveDir, path))];
      if (bundle === undefined || kind === 'entry-point') return undefined;
      if (kind !== 'dynamic-import') return { errors: [{ text: `${path} is a bundle of its own: import() it` }] };
      return { path: `./${bundle}`, external: true };
    });
  },
};

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  metafile: true,
  platform: 'node',
  target: 'node22.19',
  // Native: it finds its binary beside itself.
  external: ['node-pty'],
  legalComments: 'none',
  logLevel: 'warning',
};

const COMMONJS: BuildOptions = {
  ...COMMON,
  format: 'cjs',
  // require() is much faster than import(), for Node's own modules most of all (import reads each of their exports).
  supported: { 'dynamic-import': false },
};

async function writeBundles(): Promise<void> {
  const metafiles: Metafile[] = [];
  const make = async (options: BuildOptions): Promise<void> => {
    const { metafile } = await build({ ...options, plugins: [lazyBundles] });
    if (metafile !== undefined) metafiles.push(metafile);
  };
  for (const [source, file] of Object.entries(BUNDLES))
    await make({ ...COMMONJS, entryPoints: [source], outfile: join(DIST, file) });
  // The library reads the same files when it needs them. They stay CommonJS: what is in them may require() in its own way.
  const library: BuildOptions = { entryPoints: ['src/index.ts'] };
  await make({ ...COMMONJS, ...library, outfile: join(DIST, 'index.cjs') });
  await make({ ...COMMON, ...library, format: 'esm', outfile: join(DIST, 'index.js') });
  writeFileSync(join(DIST, BUNDLED_FILE), `${JSON.stringify(bundledPackages(metafiles), null, 2)}\n`);
  writeFileSync(join(DIST, 'third-party.txt'), bundledLicences(ROOT));
}

function run(file: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed: ${error?.message ?? stdout + stderr}`);
}

const RELATIVE_IMPORT = /(?<=\bfrom ')(\.[^']*)\.ts(?=')/g;

/**
 * The declarations of the library, in two copies: TypeScript takes them to be of the module format that the package.json
 * above them says. Of all that the compiler wrote (it follows every import of the sources), only what the library's own
 * declarations lead to.
 */
function writeTypes(): void {
  const written = join(DIST, 'types.all');
  run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.types.json']);
  const files = new Set(['index.d.ts']);
  for (const file of files) {
    const text = readFileSync(join(written, file), 'utf8');
    for (const [, path = ''] of text.matchAll(RELATIVE_IMPORT)) files.add(`${join(dirname(file), path)}.d.ts`);
    // A program that names no types of its own has not to name Node's for us.
    const first = file === 'index.d.ts' ? '/// <reference types="node" />\n' : '';
    for (const directory of ['types/esm', 'types/cjs']) {
      const target = join(DIST, directory, file);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, first + text.replaceAll(RELATIVE_IMPORT, '$1.js'));
    }
  }
  writeFileSync(join(DIST, 'types/cjs/package.json'), '{ "type": "commonjs" }\n');
  rmSync(written, { recursive: true });
}

rmSync(DIST, { recursive: true, force: true });
await writeBundles();
copyFileSync(join(ROOT, 'scripts/build/start.cjs'), join(DIST, 'start.cjs'));
writeTypes();
run(join(ROOT, 'node_modules/.bin/oclif'), ['manifest']);
writeCompletions(join(ROOT, 'oclif.manifest.json'), join(DIST, 'completions'));
run(process.execPath, [join(ROOT, 'scripts/build/code-cache.cjs')]);
