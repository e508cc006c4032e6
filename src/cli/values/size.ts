import { LxcriError } from '../../model/errors.ts';
import { MAX_OUTPUT_BYTES } from '../../model/rules.ts';

const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Parses a size such as `64KiB`, `8M` or `1000` (bytes); K, M and G are powers of 1024.
 *
 * @param flag named in errors.
 * @returns bytes.
 * @throws LxcriError `UsageError`
 */
export function parseSize(text: string, flag: string): number {
  const [, number, unit] = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes = Number(number) * (UNITS[unit?.toLowerCase() ?? ''] ?? Number.NaN);
  if (!(bytes >= 0 && bytes <= MAX_OUTPUT_BYTES)) {
    throw new LxcriError(
      'UsageError',
      `${flag}: ${JSON.stringify(text)} is not a size`,
      'write 64KiB, 8MiB or a number of bytes; at most 256MiB',
    );
  }
  return bytes;
}

const NAMES = ['KiB', 'MiB', 'GiB', 'TiB'];

/** A size as people read it: `512B`, `1.7MiB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  // What would be rounded to 1024 is already one of the next unit.
  const steps = NAMES.findIndex((_, step) => bytes / 1024 ** (step + 1) < 1023.95);
  const step = steps === -1 ? NAMES.length - 1 : steps;
  return `${(bytes / 1024 ** (step + 1)).toFixed(1)}${NAMES[step]}`;
}
