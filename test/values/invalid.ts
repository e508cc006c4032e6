import { InvalidValue } from '../../src/values/invalid-value.ts';

/** The InvalidValue that a call throws; anything else fails the test. */
export function invalidValueOf(call: () => unknown): InvalidValue {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    if (error instanceof InvalidValue) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}
