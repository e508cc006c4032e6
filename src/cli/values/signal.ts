import { LxcriError } from '../../model/errors.ts';
import { signalNamed } from '../../values/signal.ts';
import type { SignalName } from '../../values/signal.ts';

/**
 * Parses a signal as kill(1) takes it: `TERM`, `SIGTERM`, `term`, `15` or `RTMIN+3`.
 *
 * @throws LxcriError `UsageError`
 */
export function parseSignal(text: string): SignalName {
  const signal = signalNamed(text);
  if (signal !== undefined) return signal;
  throw new LxcriError(
    'UsageError',
    `there is no signal ${JSON.stringify(text)}`,
    'use a name such as TERM, HUP, KILL or RTMIN+3, or its number',
  );
}
