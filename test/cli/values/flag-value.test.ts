import { expect } from 'chai';

import { flagValue } from '../../../src/cli/values/flag-value.ts';
import { InvalidValue } from '../../../src/values/invalid-value.ts';
import { usageErrorOf } from './usage-error.ts';

describe('the value of a flag', () => {
  it('is what was read', () => {
    expect(flagValue('--a', () => 1)).to.equal(1);
  });

  it('that is none is a mistake of the caller, told with the flag', () => {
    const error = usageErrorOf(() =>
      flagValue('--a', () => {
        throw new InvalidValue('"x" is no b', 'write b');
      }),
    );
    expect([error.message, error.hint]).to.deep.equal(['--a: "x" is no b', 'write b']);
  });

  it('does not hide a mistake of ours', () => {
    expect(() =>
      flagValue('--a', () => {
        throw new TypeError('ours');
      }),
    ).to.throw(TypeError, 'ours');
  });
});
