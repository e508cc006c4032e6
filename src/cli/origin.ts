import type { Origin } from '../config/settings.ts';

/** Where a setting comes from, for people: `FILE:LINE`, the name of a variable, or `default`. */
export function shownOrigin(origin: Origin): string {
  if (origin.kind === 'file') return `${origin.file}:${origin.line}`;
  return origin.kind === 'variable' ? origin.variable : 'default';
}
