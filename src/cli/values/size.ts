import { LxcriError } from '../../model/errors.ts';

const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Above this a result would not fit into the strings and memory of one process. */
const MAX_BYTES = 256 * 1024 ** 2;

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
  if (!(bytes >= 0 && bytes <= MAX_BYTES)) {
    throw new LxcriError(
      'UsageError',
      `${flag}: ${JSON.stringify(text)} is not a size`,
      'write 64KiB, 8MiB or a number of bytes; at most 256MiB',
    );
  }
  return bytes;
}
