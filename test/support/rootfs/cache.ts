/** Root file systems, made once and kept outside the project's tree, to be the read-only lower layer of containers. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { remember } from '../ledger.ts';
import { CACHE_DIRECTORY } from '../places.ts';
import { mustSync } from '../run.ts';
import { type Kind, kindSpec } from './kinds.ts';
import type { Recipe } from './recipe.ts';
import { shiftOwners } from './shift.ts';

const ROOTS = join(CACHE_DIRECTORY, 'rootfs');

export interface RootfsOptions {
  unprivileged?: boolean;
}

/** The path of what a recipe makes; made now if it is not there. */
export function treeOf(recipe: Recipe): string {
  const path = treePath(recipe);
  if (!existsSync(path)) make(path, (directory) => recipe.build(directory));
  return path;
}

/** Whether `treeOf` would have nothing to do. */
export function isTreeCached(recipe: Recipe): boolean {
  return existsSync(treePath(recipe));
}

/** The path of the kind's root file system; made now if it is not there. Takes seconds then, nothing later. */
export function rootfsOf(kind: Kind, options: RootfsOptions = {}): string {
  if (options.unprivileged !== true) return treeOf(kindSpec(kind).recipe);
  const path = rootfsPath(kind, options);
  if (!existsSync(path)) {
    make(path, (directory) => {
      mustSync(['cp', '-a', `${rootfsOf(kind)}/.`, directory], { timeoutMs: 300_000 });
      shiftOwners(directory);
    });
  }
  return path;
}

/** Whether `rootfsOf` would have nothing to do. */
export function isCached(kind: Kind, options: RootfsOptions = {}): boolean {
  return existsSync(rootfsPath(kind, options));
}

function rootfsPath(kind: Kind, options: RootfsOptions): string {
  return `${treePath(kindSpec(kind).recipe)}${options.unprivileged === true ? '-shifted' : ''}`;
}

function treePath(recipe: Recipe): string {
  return join(ROOTS, `${recipe.name}-${version(recipe)}`);
}

function version(recipe: Recipe): string {
  const hash = createHash('sha256');
  for (const source of recipe.sources) {
    hash.update(readFileSync(source));
  }
  return hash.digest('hex').slice(0, 12);
}

/** Only a finished tree gets its name, so a killed build leaves nothing that looks finished. */
function make(path: string, build: (directory: string) => void): void {
  mkdirSync(ROOTS, { recursive: true });
  const unfinished = mkdtempSync(`${path}.unfinished-`);
  const forget = remember({ type: 'directory', path: unfinished });
  chmodSync(unfinished, 0o755);
  const callersMask = process.umask(0o022);
  try {
    build(unfinished);
  } finally {
    process.umask(callersMask);
  }
  try {
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(path)) {
      throw error;
    }
    // Another run was faster; its tree is as good as ours.
  }
  forget();
}
