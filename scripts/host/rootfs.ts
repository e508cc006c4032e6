/** What is dear to make, made before the tests so that only this needs the network: root file systems, and a program. */
import { join } from 'node:path';

import { facadeRecipe } from '../../test/support/kubernetes/facade.ts';
import { isCached, isTreeCached, rootfsOf } from '../../test/support/rootfs/cache.ts';
import { CLEAN_DEBIANS } from '../../test/support/rootfs/clean-debian.ts';
import { KINDS, type Kind, kindSpec } from '../../test/support/rootfs/kinds.ts';
import type { Recipe } from '../../test/support/rootfs/recipe.ts';
import { run } from '../../test/support/run.ts';

interface Variant {
  kind: Kind;
  unprivileged: boolean;
}

const VARIANTS: readonly Variant[] = KINDS.flatMap((kind) => [
  { kind, unprivileged: false },
  { kind, unprivileged: true },
]);

/** The others, and whether the tests fail where one cannot be made. A host need not have Go. */
const OTHERS: readonly { recipe: Recipe; needed: boolean }[] = [
  ...CLEAN_DEBIANS,
  { recipe: facadeRecipe, needed: false },
];

/** More than a recipe takes itself before it gives up. */
const TIMEOUT_MS = 900_000;

/** All that are made from nothing. */
export function recipes(): Recipe[] {
  return [...new Set([...KINDS.map((kind) => kindSpec(kind).recipe), ...OTHERS.map(({ recipe }) => recipe)])];
}

export function missingRootfs(): string[] {
  return [
    ...VARIANTS.filter((variant) => !isCached(variant.kind, variant)).map(label),
    ...OTHERS.filter(({ recipe }) => !isTreeCached(recipe)).map(({ recipe }) => recipe.name),
  ];
}

/** @throws Error when one cannot be made that the tests cannot do without. */
export async function makeRootfs(missing: readonly string[]): Promise<void> {
  // At once: each waits for the network half of its time.
  const made = await Promise.allSettled(
    recipes()
      .filter((recipe) => !isTreeCached(recipe))
      .map(makeOne),
  );
  for (const result of made) if (result.status === 'rejected') throw result.reason;
  for (const variant of VARIANTS) {
    if (missing.includes(label(variant))) {
      rootfsOf(variant.kind, variant);
    }
  }
}

async function makeOne({ name }: Recipe): Promise<void> {
  const argv = [process.execPath, join(import.meta.dirname, 'one-rootfs.ts'), name] as const;
  const { exitCode, stderr } = await run(argv, { timeoutMs: TIMEOUT_MS });
  if (exitCode === 0) return;
  const optional = OTHERS.some(({ recipe, needed }) => recipe.name === name && !needed);
  if (!optional) throw new Error(`${name} could not be made: ${stderr}`);
  console.log(`SKIPPED: ${name} could not be made here, so nothing is tested with it: ${stderr}`);
}

function label({ kind, unprivileged }: Variant): string {
  return unprivileged ? `${kind} (unprivileged)` : kind;
}
