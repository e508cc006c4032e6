import { LxcriError } from '../../model/errors.ts';
import { InvalidValue } from '../../values/invalid-value.ts';

/**
 * The value of a flag.
 *
 * @param flag named in the error.
 * @param read reads it; an InvalidValue that it throws becomes the user's error.
 * @throws LxcriError `UsageError`
 */
export function flagValue<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new LxcriError('UsageError', `${flag}: ${error.message}`, error.hint);
  }
}
