/**
 * Makes the packages of the built program: `npm run package`. The same sources give the same bytes.
 *
 * --quick compresses little; --output=DIR puts them elsewhere than into out/; --only=amd64 or --only=arm64 makes those for
 * one kind of machine. The time in them is SOURCE_DATE_EPOCH, else that of the last commit.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { putAgents } from './package/agent.ts';
import { makeDeb } from './package/deb.ts';
import type { Sources } from './package/deb.ts';
import { unpackNode } from './package/node.ts';
import { makeNpmPackage } from './package/npm.ts';
import { putProgram } from './package/program.ts';
import { makeTarball } from './package/tarball.ts';
import { TARGETS } from './package/targets.ts';
import { sourceTime } from './package/time.ts';

const ROOT = resolve(import.meta.dirname, '..');

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    output: { type: 'string', default: join(ROOT, 'out') },
    only: { type: 'string' },
  },
});

const { name, version, author } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
  string,
  string
>;
const targets = TARGETS.filter(({ debian }) => values.only === undefined || values.only === debian);
if (targets.length === 0)
  throw new Error(`--only=${values.only}: there are ${TARGETS.map(({ debian }) => debian).join(', ')}`);

// What is made is for all to read.
process.umask(0o022);
const scratch = mkdtempSync(join(tmpdir(), 'proxmox-lxcri-package-'));
try {
  chmodSync(scratch, 0o755);
  const output = resolve(values.output);
  mkdirSync(output, { recursive: true });
  const sources: Sources = {
    name: name!,
    version: version!,
    summary: 'run commands in LXC containers and tell exactly what happened',
    maintainer: author!,
    time: sourceTime(ROOT, process.env),
    root: ROOT,
    scratch,
    output,
    quick: values.quick,
  };
  putAgents();
  const made = targets.flatMap((target) => {
    const node = unpackNode(ROOT, scratch, target);
    const program = join(scratch, `program-${target.debian}`);
    putProgram(ROOT, node, program, target);
    const parts = { node, program };
    return [makeDeb(sources, parts, target), makeTarball(sources, parts, target)];
  });
  for (const file of [...made, makeNpmPackage(sources)])
    console.log(`${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
