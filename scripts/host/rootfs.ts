/** The root file systems of the test containers, made before the tests so that only this needs the network. */
import { isCached, rootfsOf } from '../../test/support/rootfs/cache.ts';
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
  return VARIANTS.filter((variant) => !isCached(variant.kind, variant)).map(label);
}

export function makeRootfs(missing: readonly string[]): void {
  for (const variant of VARIANTS) {
    if (missing.includes(label(variant))) {
      rootfsOf(variant.kind, variant);
    }
  }
}

function label({ kind, unprivileged }: Variant): string {
  return unprivileged ? `${kind} (unprivileged)` : kind;
}
