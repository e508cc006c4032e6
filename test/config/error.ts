import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';

/** The ConfigError that a call ends with; anything else fails the test. */
export async function configErrorOf(call: () => unknown): Promise<LxcriError> {
  let value: unknown;
  try {
    value = await call();
  } catch (error) {
    if (!(error instanceof LxcriError)) throw error;
    expect(error.code).to.equal('ConfigError');
    // There is always something to do next.
    expect(error.hint).to.be.a('string').and.not.to.equal('');
    return error;
  }
  throw new Error(`accepted: ${JSON.stringify(value)}`);
}
