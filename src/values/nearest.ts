import { distance } from 'fastest-levenshtein';

/** The word that was probably meant: the one it begins, or the one that few changes lead to. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  if (typed.length < 2) return undefined;
  const begun = words.find((word) => word.startsWith(typed));
  if (begun !== undefined) return begun;
  const ranked = words
    .map((word) => ({ word, edits: distance(typed, word) }))
    .toSorted((one, other) => one.edits - other.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.max(1, Math.ceil(best.word.length / 3)) ? best.word : undefined;
}
