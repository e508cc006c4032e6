/** The root file systems of the test containers, made before the tests so that only this needs the network. */
import { isCached, isTreeCached, rootfsOf, treeOf } from '../../test/support/rootfs/cache.ts';
import { CLEAN_DEBIANS } from '../../test/support/rootfs/clean-debian.ts';
import { KINDS, type Kind } from '../../test/support/rootfs/kinds.ts';

interface Variant {
  kind: Kind;
  unprivileged: boolean;
}

const VARIANTS: readonly Variant[] = KINDS.flatMap((kind) => [
  { kind, unprivileged: false },
  { kind, unprivileged: true },
]);

export function missingRootfs(): string[] {
  return [
    ...VARIANTS.filter((variant) => !isCached(variant.kind, variant)).map(label),
    ...CLEAN_DEBIANS.filter((recipe) => !isTreeCached(recipe)).map(({ name }) => name),
  ];
}

export function makeRootfs(missing: readonly string[]): void {
  for (const variant of VARIANTS) {
    if (missing.includes(label(variant))) {
      rootfsOf(variant.kind, variant);
    }
  }
  for (const recipe of CLEAN_DEBIANS) if (missing.includes(recipe.name)) treeOf(recipe);
}

function label({ kind, unprivileged }: Variant): string {
  return unprivileged ? `${kind} (unprivileged)` : kind;
}
