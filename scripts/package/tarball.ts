/** The tarball: the program with its Node, for any place of a Linux system. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Parts, Sources } from './deb.ts';
import { copy, put, settle } from './files.ts';
import { copyrightFile } from './licences.ts';
import { EXECUTABLES } from './program.ts';
import { run } from './run.ts';
import { manualPages, putCompletions, putDocumentation } from './share.ts';
import type { Target } from './targets.ts';

/** Makes the tarball for one kind of machine and returns its path. */
export function makeTarball(sources: Sources, parts: Parts, target: Target): string {
  const { name, version, root, time } = sources;
  const base = `${name}-${version}-linux-${target.node}`;
  const tree = join(sources.scratch, base);
  copy(parts.program, tree);
  putDocumentation(root, tree);
  copy(join(root, 'LICENSE'), join(tree, 'LICENSE'));
  put(join(tree, 'THIRD-PARTY-LICENCES'), copyrightFile(root, parts.node));
  for (const [page, text] of manualPages(root, time)) put(join(tree, 'share/man/man1', page), text);
  putCompletions(root, join(tree, 'share'));
  settle(tree, EXECUTABLES, time);
  const archive = join(sources.output, `${base}.tar`);
  const owner = ['--owner=root:0', '--group=root:0', '--numeric-owner'];
  const order = ['--sort=name', '--format=ustar', `--mtime=@${time}`];
  run(['tar', ...order, ...owner, '--directory', sources.scratch, '--create', '--file', archive, base]);
  run(['gzip', '--no-name', '--force', sources.quick ? '-1' : '-6', archive]);
  rmSync(tree, { recursive: true });
  return `${archive}.gz`;
}
