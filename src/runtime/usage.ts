import { LxcriError } from '../model/errors.ts';

/** An argument of a call that is wrong, whatever the container is like: thrown at once. */
export function usageError(what: string, hint: string): LxcriError {
  return new LxcriError('UsageError', what, hint);
}

/** How a value is shown in a message; only what is not a secret may be. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

/**
 * Refuses options that are not an object, or that are unknown: a mistyped name would else be without effect.
 *
 * @throws LxcriError `UsageError`
 */
export function checkNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw usageError(`the options are ${shown(options)}, not an object`, 'write { name: value }');
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw usageError(`there is no option ${shown(name)}`, `options are: ${known.join(', ')}`);
  }
}

/**
 * Checks one option, where it is given.
 *
 * @param isValid what a value must fulfil.
 * @param expected says that in words.
 * @throws LxcriError `UsageError`
 */
export function checkOption(
  name: string,
  value: unknown,
  isValid: (value: unknown) => boolean,
  expected: string,
): void {
  if (value !== undefined && !isValid(value))
    throw usageError(`the option ${name} is ${shown(value)}`, `it must be ${expected}`);
}

/** What tests can see of an `AbortSignal`, of whatever realm or polyfill. */
export function isAbortSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value;
}

/** Whether text arrives in a container as it is: the kernel's words hold no NUL, and UTF-8 no half of a surrogate pair. */
export function isExactText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}
