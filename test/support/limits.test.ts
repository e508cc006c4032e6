import { expect } from 'chai';

import { fastest, withLimit } from './limits.ts';

describe('a limit', () => {
  it('is longer the next time, until it was long enough', async () => {
    const asked: number[] = [];
    const call = async (limitMs: number): Promise<number> => (asked.push(limitMs), limitMs);
    expect(await withLimit(100, call, (limitMs) => limitMs > 1000)).to.equal(1600);
    expect(asked).to.deep.equal([100, 400, 1600]);
    // What never comes far enough is judged as it is.
    expect(await withLimit(10_000, call, () => false)).to.equal(40_000);
  });

  it('is kept by what keeps it once in a few times', async () => {
    let calls = 0;
    const slowAtFirst = () => new Promise((resolve) => setTimeout(resolve, ++calls === 1 ? 300 : 0));
    expect(await fastest(200, slowAtFirst)).to.be.below(300);
    calls = -1000;
    expect(await fastest(0, slowAtFirst)).to.be.a('number');
    expect(calls).to.equal(-995);
  });
});
