import { durationMs, timeoutMs } from '../../values/duration.ts';
import { flagValue } from './flag-value.ts';

/**
 * Parses a duration such as `30s`, `5m`, `1h30m` or `1.5s`; a bare number is seconds, as for `docker stop` and `lxc-stop`.
 *
 * @param flag named in errors.
 * @returns milliseconds.
 * @throws LxcriError `UsageError`
 */
export function parseDuration(text: string, flag: string): number {
  return flagValue(flag, () => durationMs(withUnit(text)));
}

/**
 * Parses a duration, or `none` for no limit at all.
 *
 * @returns milliseconds.
 * @throws LxcriError `UsageError`
 */
export function parseTimeout(text: string, flag: string): number | undefined {
  return flagValue(flag, () => timeoutMs(withUnit(text)));
}

function withUnit(text: string): string {
  return /^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text;
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
