import type { Key } from './keys.ts';
import type { Written } from './kinds.ts';

/** A key that a file sets. */
export interface Entry {
  readonly written: Written;
  /** Counted from 1. */
  readonly line: number;
}

/** All that a file sets; each value is one that its key accepts. */
export type Entries = ReadonlyMap<Key, Entry>;
