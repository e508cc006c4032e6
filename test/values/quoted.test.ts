import { expect } from 'chai';

import { quoted } from '../../src/values/quoted.ts';

describe('a quoted text', () => {
  it('is whole while it is short, on one line', () => {
    expect(['a "b"', 'a\nb', 'x'.repeat(80)].map(quoted)).to.deep.equal([
      '"a \\"b\\""',
      '"a\\nb"',
      `"${'x'.repeat(80)}"`,
    ]);
  });

  it('is cut when it is long', () => {
    expect(quoted('x'.repeat(81))).to.equal(`"${'x'.repeat(80)}..."`);
  });
});
