import { LxcriError } from '../../model/errors.ts';
import { MAX_TIMER_MS } from '../../model/rules.ts';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses a duration such as `30s`, `5m`, `1h30m` or `1.5s`.
 *
 * @param flag named in errors.
 * @returns milliseconds.
 * @throws LxcriError `UsageError`
 */
export function parseDuration(text: string, flag: string): number {
  const parts = text.match(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/) === null ? [] : (text.match(/[\d.]+[a-z]+/g) ?? []);
  const total = parts.reduce(
    (sum, part) => sum + Number.parseFloat(part) * (UNIT_MS[part.replace(/[\d.]+/, '')] ?? Number.NaN),
    0,
  );
  const ms = Math.round(total);
  if (!(ms > 0 && ms <= MAX_TIMER_MS)) {
    throw new LxcriError(
      'UsageError',
      `${flag}: ${JSON.stringify(text)} is not a duration`,
      'write 30s, 5m, 1h30m or 500ms; at most 24d',
    );
  }
  return ms;
}

/** A duration as people write it: `250ms`, `1.5s`, `1h30m`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${Math.round(ms / 100) / 10}s`;
  const total = Math.round(ms / 1000);
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return [hours > 0 && `${hours}h`, minutes > 0 && `${minutes}m`, seconds > 0 && `${seconds}s`]
    .filter(Boolean)
    .join('');
}

const DAY_MS = 86_400_000;

/** An age as lists show it: to the second under a day (`1h5m3s`), to the hour above (`12d3h`). */
export function formatAge(ms: number): string {
  if (ms < DAY_MS) return formatDuration(Math.max(1000, Math.floor(ms / 1000) * 1000));
  return `${Math.floor(ms / DAY_MS)}d${Math.floor((ms % DAY_MS) / 3_600_000)}h`;
}
