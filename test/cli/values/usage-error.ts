import { LxcriError } from '../../../src/model/errors.ts';

/** The UsageError that a call throws; anything else fails the test. */
export function usageErrorOf(call: () => unknown): LxcriError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    if (error instanceof LxcriError && error.code === 'UsageError') return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}
