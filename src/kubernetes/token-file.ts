import { readFileSync } from 'node:fs';

import { isHeaderText } from './header-text.ts';

/**
 * The token in a file, as it is now: whoever gives tokens for an hour puts a new one there in time.
 *
 * @returns `undefined` where what is there is none.
 * @throws where there is nothing to be read.
 */
export function tokenIn(file: string): string | undefined {
  const token = readFileSync(file, 'utf8').trim();
  return isHeaderText(token) ? token : undefined;
}
