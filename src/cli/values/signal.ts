import { constants } from 'node:os';

import { LxcriError } from '../../model/errors.ts';

/**
 * Parses a signal as kill(1) takes it: `TERM`, `SIGTERM`, `term` or `15`.
 *
 * @throws LxcriError `UsageError`
 */
export function parseSignal(text: string): NodeJS.Signals {
  const wanted = text.toUpperCase();
  const known = Object.entries(constants.signals).find(
    ([name, number]) => name === wanted || name === `SIG${wanted}` || String(number) === text,
  );
  if (known === undefined) {
    throw new LxcriError(
      'UsageError',
      `there is no signal ${JSON.stringify(text)}`,
      'use a name such as TERM, HUP or KILL, or its number',
    );
  }
  return known[0] as NodeJS.Signals;
}
