/** The Debian packages. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { debianChangelog } from './changelog.ts';
import type { Release } from './changelog.ts';
import { copy, filesBelow, put, putGzip, settle } from './files.ts';
import { copyrightFile } from './licences.ts';
import { neededLibraries } from './needed.ts';
import { EXECUTABLES } from './program.ts';
import { run } from './run.ts';
import { manualPages, putCompletions, putDocumentation } from './share.ts';
import type { Target } from './targets.ts';

/** What all packages of one run are made from. */
export interface Sources extends Release {
  /** The project's directory, built. */
  readonly root: string;
  readonly summary: string;
  /** For files of ours. */
  readonly scratch: string;
  /** Where the packages are put. */
  readonly output: string;
  /** Compress little. */
  readonly quick: boolean;
}

/** What the packages for one kind of machine have in common, by their directories. */
export interface Parts {
  /** npm's package of Node. */
  readonly node: string;
  /** The program as it is installed. */
  readonly program: string;
}

const LIBRARY = 'usr/lib/proxmox-lxcri';
const DOCUMENTATION = 'usr/share/doc/proxmox-lxcri';
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];

const DESCRIPTION = ` It runs commands in the containers of a Proxmox VE node, or of any host with
 LXC, with separate streams, the exit code, terminals, timeouts, users and a
 structured result. Arguments arrive byte for byte, nothing of the environment
 of the host leaks in, and a timeout leaves no process behind.
 .
 It lists, starts and stops containers as well, and reaches those of other
 nodes over ssh and the Proxmox API.
 .
 It brings its own Node.js, which nothing else uses.
`;

/** Makes the package for one kind of machine and returns its path. */
export function makeDeb(sources: Sources, parts: Parts, target: Target): string {
  const tree = join(sources.scratch, `deb-${target.debian}`);
  putFiles(tree, sources, parts);
  const executables = ['usr/bin/proxmox-lxcri', ...EXECUTABLES.map((path) => join(LIBRARY, path))];
  putControl(tree, sources, target);
  settle(tree, [...executables, ...MAINTAINER_SCRIPTS.map((name) => `DEBIAN/${name}`)], sources.time);
  const file = join(sources.output, `${sources.name}_${sources.version}_${target.debian}.deb`);
  const compression = sources.quick ? ['-Zgzip', '-z1'] : ['-Zxz', '-z6'];
  run(['dpkg-deb', '--root-owner-group', ...compression, '--build', tree, file], {
    // The number of threads is no matter; the time is that of the archive's own entries.
    env: { ...process.env, SOURCE_DATE_EPOCH: String(sources.time) },
  });
  rmSync(tree, { recursive: true });
  return file;
}

function putFiles(tree: string, sources: Sources, { node, program }: Parts): void {
  const { root } = sources;
  copy(program, join(tree, LIBRARY));
  // Not a symlink: the launcher would have to follow it at each start.
  copy(join(root, 'bin/proxmox-lxcri'), join(tree, 'usr/bin/proxmox-lxcri'));
  const documentation = join(tree, DOCUMENTATION);
  putDocumentation(root, documentation);
  put(join(documentation, 'copyright'), copyrightFile(root, node));
  const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  putGzip(join(documentation, 'changelog.gz'), debianChangelog(changes, sources));
  for (const [name, page] of manualPages(root, sources.time))
    putGzip(join(tree, 'usr/share/man/man1', `${name}.gz`), page);
  putCompletions(root, join(tree, 'usr/share'));
  copy(join(import.meta.dirname, 'debian/lintian-overrides'), join(tree, 'usr/share/lintian/overrides', sources.name));
}

function putControl(tree: string, { name, version, maintainer, summary }: Sources, target: Target): void {
  const files = filesBelow(tree);
  const binaries = ['node/bin/node', 'node_modules/node-pty/build/Release/pty.node'];
  const bytes = files.reduce((sum, file) => sum + Math.ceil(statSync(join(tree, file)).size / 1024), 0);
  const fields = {
    Package: name,
    Version: version,
    Architecture: target.debian,
    Maintainer: maintainer,
    'Installed-Size': bytes,
    Depends: neededLibraries(binaries.map((path) => join(tree, LIBRARY, path))).join(', '),
    // A Proxmox node has its own LXC; what asks other nodes is ssh.
    Recommends: 'lxc-pve | lxc, openssh-client',
    Suggests: 'bash-completion',
    Section: 'admin',
    Priority: 'optional',
    Description: summary,
  };
  const control = Object.entries(fields).map(([field, value]) => `${field}: ${value}\n`);
  put(join(tree, 'DEBIAN/control'), control.join('') + DESCRIPTION);
  const sums = files.map(
    (file) =>
      `${createHash('md5')
        .update(readFileSync(join(tree, file)))
        .digest('hex')}  ${file}\n`,
  );
  put(join(tree, 'DEBIAN/md5sums'), sums.join(''));
  for (const script of MAINTAINER_SCRIPTS)
    copy(join(import.meta.dirname, 'debian', script), join(tree, 'DEBIAN', script));
}
