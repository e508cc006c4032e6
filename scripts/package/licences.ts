/** Whose work is in the packages and under which licences: Debian's machine-readable file (DEP-5). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BUNDLED_FILE } from '../build/bundled.ts';
import { goWorks } from './go-licences.ts';
import { asText } from './work.ts';
import type { Work } from './work.ts';

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
}

const LICENCE_FILE = /^((un)?licen[cs]e|copying)/i;

/** Of a package without a file of its licence. */
interface Unwritten {
  /** As its package.json has it: another one has to be looked at. */
  readonly license: string;
  /** Which of its files are under which licence, and one that begins with the notice. */
  readonly parts: ReadonlyArray<{ readonly files: string; readonly license: string; readonly notice: string }>;
}

const UNWRITTEN: Readonly<Record<string, Unwritten>> = {
  'node_modules/@bufbuild/protobuf': {
    license: '(Apache-2.0 AND BSD-3-Clause)',
    parts: [
      { files: '*', license: 'Apache-2.0', notice: 'dist/esm/create.js' },
      { files: 'dist/*/wire/varint.js', license: 'BSD-3-Clause', notice: 'dist/esm/wire/varint.js' },
    ],
  },
};
/** A line that names a holder: with a year, or with an address. A few words may tell what of the work is meant. */
const NOTICE = /^(?:(?:[\w ]+ )?Copyright\b.*<[^>]+>|copyright\b.*(?:\d{4}|contributors))/i;
/** Debian has it already, and does not want it again. */
const APACHE = [
  'On Debian systems, the full text of the Apache License 2.0 is in',
  '/usr/share/common-licenses/Apache-2.0.',
];
/** Packages of Node, which hold no licence of their own but Node's. */
const NODE = /^node-linux-/;

const HEADER = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: proxmox-lxcri
Comment: The program is bundled from its own sources and from packages of npm, which
 are named here by their places in an installed source tree. Node.js comes from
 the package of npm that package-lock.json names. The guest agent is linked from
 its own sources and from modules of Go, which are named by their paths.

Files: *
Copyright: The authors of proxmox-lxcri
License: Apache-2.0
${APACHE.map((line) => ` ${line}`).join('\n')}
`;

/**
 * The file debian/copyright.
 *
 * @param root the project's directory, built, with its packages installed.
 * @param nodeDirectory of npm's package of Node.
 * @throws Error when a package has no licence, or nothing says whose work it is.
 */
export function copyrightFile(root: string, nodeDirectory: string): string {
  const bundled = new Set(bundledPlaces(root));
  const packages = lockedPackages(root);
  const works = Object.keys(packages)
    .filter((place) => place !== '' && !NODE.test(place.slice('node_modules/'.length)))
    .filter((place) => packages[place]?.dev !== true || bundled.has(place))
    .flatMap((place) => worksOf(root, place, packages[place]?.license));
  const node = readFileSync(join(nodeDirectory, 'LICENSE'), 'utf8');
  works.push({ files: 'node_modules/node-linux-*', license: 'Node.js', text: node, holder: undefined });
  works.push(...goWorks());
  return [HEADER, ...works.map(stanza)].join('\n');
}

/**
 * The licences of what is in the bundles, as one text: for who has them from npm, where the packages are not installed
 * beside them.
 *
 * @param root as of {@link copyrightFile}.
 * @throws Error as that.
 */
export function bundledLicences(root: string): string {
  const packages = lockedPackages(root);
  return asText(bundledPlaces(root).flatMap((place) => worksOf(root, place, packages[place]?.license)));
}

function bundledPlaces(root: string): string[] {
  return JSON.parse(readFileSync(join(root, 'dist', BUNDLED_FILE), 'utf8')) as string[];
}

function lockedPackages(root: string): Record<string, LockedPackage> {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: Record<string, LockedPackage> }).packages;
}

function worksOf(root: string, place: string, license: string | undefined): Work[] {
  const directory = join(root, place);
  const unwritten = UNWRITTEN[place];
  if (unwritten === undefined) return [workOf(root, place, license)];
  if (unwritten.license !== license || readdirSync(directory).some((name) => LICENCE_FILE.test(name)))
    throw new Error(`the licence of ${place} has changed: look at this table`);
  return unwritten.parts.map((part) => ({
    files: `${place}/${part.files}`,
    license: part.license,
    text: noticeOf(join(directory, part.notice)),
    holder: undefined,
  }));
}

/** The comment that a file begins with. */
function noticeOf(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}

function workOf(root: string, place: string, license: string | undefined): Work {
  const directory = join(root, place);
  const file = readdirSync(directory).find((name) => LICENCE_FILE.test(name));
  if (file === undefined || license === undefined) throw new Error(`${place} has no licence`);
  const text = readFileSync(join(directory, file), 'utf8');
  const { author } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    author?: string | { name: string };
  };
  return { files: `${place}/*`, license, text, holder: typeof author === 'object' ? author.name : author };
}

function stanza({ files, license, text, holder }: Work): string {
  const lines = text.replaceAll('\r', '').trim().split('\n');
  const copyrights = lines.map((line) => line.trim()).filter((line) => NOTICE.test(line));
  if (copyrights.length === 0 && holder === undefined) throw new Error(`${files}: nothing says whose work it is`);
  const holders = copyrights.length > 0 ? [...new Set(copyrights)] : [holder];
  const name = license.replaceAll(/[()]/g, '').replaceAll(' OR ', ' or ');
  return [
    `Files: ${files}`,
    `Copyright: ${holders.join('\n  ')}`,
    `License: ${name}`,
    ...(license === 'Apache-2.0' ? APACHE : lines).map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`)),
    '',
  ].join('\n');
}
