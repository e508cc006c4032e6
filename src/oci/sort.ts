import { LxcriError } from '../model/errors.ts';

/** How to compare by each key; a missing value comes last. */
export type SortKeys<Item> = Record<string, (item: Item) => string | number | undefined>;

/**
 * Sorts by `KEY[,KEY...]`, each downwards with a "-" before it.
 *
 * @throws LxcriError `UsageError` for a key that there is not.
 */
export function sortBy<Item>(items: readonly Item[], text: string, keys: SortKeys<Item>): Item[] {
  const orders = text.split(',').map((word) => {
    const name = word.replace(/^-/, '');
    const value = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (value === undefined) {
      throw new LxcriError(
        'UsageError',
        `--sort: there is no key ${JSON.stringify(name)}`,
        `keys are: ${Object.keys(keys).join(', ')}; "-" before one sorts downwards`,
      );
    }
    return { value, sign: word.startsWith('-') ? -1 : 1 };
  });
  return items.toSorted((one, other) => {
    for (const { value, sign } of orders) {
      const order = compare(value(one), value(other), sign);
      if (order !== 0) return order;
    }
    return 0;
  });
}

const { compare: compareTexts } = new Intl.Collator('en', { numeric: true });

function compare(one: string | number | undefined, other: string | number | undefined, sign: number): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
  if (typeof one === 'number' && typeof other === 'number') return sign * (one - other);
  return sign * compareTexts(String(one), String(other));
}
