/** The native part of node-pty, for any kind of machine. It uses Node-API only, so any Node can load it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { copy, filesBelow, put } from './files.ts';
import { run } from './run.ts';
import type { Target } from './targets.ts';

/** As in node-pty's binding.gyp and in node-addon-api, with what Debian adds for hardening. */
const FLAGS = [
  '-std=c++20',
  '-O2',
  '-Wall',
  '-fPIC',
  '-fexceptions',
  '-fstack-protector-strong',
  '-D_FORTIFY_SOURCE=2',
  '-DNODE_GYP_MODULE_NAME=pty',
  '-DNAPI_CPP_EXCEPTIONS',
  '-shared',
  '-Wl,-z,relro,-z,now',
  // No debugging information, in which the paths of this machine would be.
  '-s',
] as const;

const OF_OTHER_SYSTEMS = /windows|conpty|worker|shared|\.test\.js$|\.map$|testUtils/i;

/**
 * Writes node-pty as it is at run time.
 *
 * @param root the project's directory.
 * @param nodeDirectory of npm's package of Node, for its headers.
 * @param to the directory of the package that is made.
 */
export function putNodePty(root: string, nodeDirectory: string, to: string, { triplet }: Target): void {
  const resolve = createRequire(join(root, 'package.json')).resolve;
  const from = dirname(resolve('node-pty/package.json'));
  for (const file of filesBelow(join(from, 'lib')).filter((name) => !OF_OTHER_SYSTEMS.test(name)))
    copy(join(from, 'lib', file), join(to, 'lib', file));
  const { name, version, license, main } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  put(join(to, 'package.json'), `${JSON.stringify({ name, version, license, main }, null, 2)}\n`);
  const binary = join(to, 'build/Release/pty.node');
  put(binary, '');
  // From the source's own directory: a compiler writes down the path that it was given.
  const headers = [join(nodeDirectory, 'include/node'), dirname(resolve('node-addon-api/package.json'))];
  run(
    [
      `${triplet}-g++`,
      ...FLAGS,
      ...headers.flatMap((directory) => ['-isystem', directory]),
      'pty.cc',
      '-o',
      binary,
      '-lutil',
    ],
    { cwd: join(from, 'src/unix') },
  );
}
