/** The shape of a document: its keys, and of what type each value is. */

/** What is compared by value, being the same on every machine. */
const TELLING =
  /^(type|status|vmid|id|name|node|hostname|template|subdir|exitstatus|user|tokenid|username|NeedTFA|ostype|managed|t|n|version|success|message)$/;

export function shapeOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => shapeOf(each)).toSorted(byText);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, inner]) => [name, shapeOf(inner, name)] as const);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  return TELLING.test(key) ? value : value === null ? 'null' : typeof value;
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
