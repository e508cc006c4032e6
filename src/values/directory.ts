import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/** The form of an absolute path, as a regular expression: it holds no control characters. */
export const DIRECTORY_PATTERN = '^/[^\\u0000-\\u001f\\u007f]*$';

const FORM = new RegExp(DIRECTORY_PATTERN);

/**
 * The path of a directory, without slashes at its end. It need not be there.
 *
 * @throws InvalidValue
 */
export function directoryPath(text: string): string {
  if (text.startsWith('/') && !FORM.test(text))
    throw new InvalidValue(`${quoted(text)} holds a control character`, 'write the path without it');
  if (!FORM.test(text)) throw new InvalidValue(`${quoted(text)} is not an absolute path`, 'begin it with "/"');
  return text.replace(/\/+$/, '') || '/';
}
