import { MAX_TIMER_MS } from '../model/rules.ts';
import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The form of a duration, as a regular expression; how long it may be is for {@link durationMs} to say. */
export const DURATION_PATTERN = '^(?:\\d+(?:\\.\\d+)?(?:ms|s|m|h|d))+$';

const FORM = new RegExp(DURATION_PATTERN);

/**
 * The milliseconds of a duration such as `30s`, `5m`, `1h30m` or `1.5s`.
 *
 * @param maxMs the longest that is accepted. Default: what a timer can wait.
 * @throws InvalidValue also for one that is not longer than nothing.
 */
export function durationMs(text: string, maxMs: number = MAX_TIMER_MS): number {
  const parts = FORM.test(text) ? (text.match(/[\d.]+[a-z]+/g) ?? []) : [];
  const total = parts.reduce(
    (sum, part) => sum + Number.parseFloat(part) * (UNIT_MS[part.replace(/[\d.]+/, '')] ?? Number.NaN),
    0,
  );
  const ms = Math.round(total);
  if (ms > 0 && ms <= maxMs) return ms;
  const longest = Math.floor(maxMs / 86_400_000);
  // As it is written it is one; it is the limits that it does not keep.
  const limits = parts.length === 0 ? '' : ` from 1ms to ${longest}d`;
  const examples = maxMs > MAX_TIMER_MS ? '7d, 12h or 1h30m' : '30s, 5m, 1h30m or 500ms';
  throw new InvalidValue(`${quoted(text)} is not a duration${limits}`, `write ${examples}; at most ${longest}d`);
}

/** The milliseconds of a limit of time; `undefined` for the text `none`. */
export function timeoutMs(text: string): number | undefined {
  return text === 'none' ? undefined : durationMs(text);
}
