import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/**
 * The name of a context: also that of files.
 *
 * @throws InvalidValue
 */
export function contextName(text: string): string {
  if (/^[a-z0-9][\w.-]{0,62}$/i.test(text)) return text;
  throw new InvalidValue(
    `${quoted(text)} is no name of a context`,
    'use letters, digits, ".", "_" and "-", at most 63, the first a letter or digit',
  );
}
