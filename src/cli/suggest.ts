import { distance } from 'fastest-levenshtein';

import { LxcriError } from '../model/errors.ts';
import { EXEC_FLAGS } from './flags.ts';
import type { FlagSpec } from './flags.ts';
import type { UnknownFlagError } from './parse-exec.ts';

/** The error of an unknown flag, with the flag that was probably meant, if one looks like it at all. */
export function withSuggestion(error: UnknownFlagError): LxcriError {
  const { typed } = error;
  const specs: readonly FlagSpec[] = EXEC_FLAGS;
  const names = specs.flatMap((spec) => [spec.name, ...(spec.aliases ?? [])]);
  const ranked = names
    .map((name) => ({ name, edits: distance(typed, name) }))
    .toSorted((one, other) => one.edits - other.edits);
  const [best] = ranked;
  const similar = typed.length > 1 && best !== undefined && best.edits <= Math.max(1, Math.floor(best.name.length / 3));
  return similar ? new LxcriError(error.code, error.message, `did you mean --${best.name}?`) : error;
}
