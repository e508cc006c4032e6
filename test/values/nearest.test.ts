import { expect } from 'chai';

import { nearest } from '../../src/values/nearest.ts';

describe('the nearest word', () => {
  it('is the one that was begun, else the one with the fewest changes', () => {
    const words = ['timeout', 'killAfter', 'maxOutput'];
    expect(['kill', 'timout', 'maxoutput', 'tiemout'].map((typed) => nearest(typed, words))).to.deep.equal([
      'killAfter',
      'timeout',
      'maxOutput',
      'timeout',
    ]);
  });

  it('is none where nothing is near, or there is too little to go by', () => {
    for (const typed of ['', 'k', 'memory', 'constructor'])
      expect(nearest(typed, ['killAfter', 'x'])).to.equal(undefined);
    expect(nearest('any', [])).to.equal(undefined);
  });
});
