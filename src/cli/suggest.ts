import { LxcriError } from '../model/errors.ts';
import { nearest } from '../values/nearest.ts';
import type { UnknownFlagError } from './parse-words.ts';

/** The error of an unknown flag, with the flag that was probably meant, if one looks like it at all. */
export function withSuggestion(error: UnknownFlagError): LxcriError {
  const best = nearest(error.typed, error.known);
  return best === undefined ? error : new LxcriError(error.code, error.message, `did you mean --${best}?`);
}
