import { MAX_OUTPUT_BYTES } from '../model/rules.ts';
import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** The form of a size, as a regular expression; how large it may be is for {@link sizeBytes} to say. */
export const SIZE_PATTERN = '^\\d+[kKmMgG]?(?:[iI]?[bB])?$';

const FORM = new RegExp(SIZE_PATTERN);

/**
 * The bytes of a size such as `64KiB`, `8M` or `1000` (bytes); K, M and G are powers of 1024.
 *
 * @throws InvalidValue
 */
export function sizeBytes(text: string): number {
  const [, number, unit] = (FORM.test(text) ? /^(\d+)([kmg]?)/i.exec(text) : null) ?? [];
  const bytes = Number(number) * (UNITS[unit?.toLowerCase() ?? ''] ?? Number.NaN);
  if (bytes >= 0 && bytes <= MAX_OUTPUT_BYTES) return bytes;
  throw new InvalidValue(`${quoted(text)} is not a size`, 'write 64KiB, 8MiB or a number of bytes; at most 256MiB');
}
