import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { sortBy } from '../../src/oci/sort.ts';
import type { SortKeys } from '../../src/oci/sort.ts';

interface Item {
  name: string;
  size?: number;
}

const KEYS: SortKeys<Item> = { name: ({ name }) => name, size: ({ size }) => size };
const ITEMS: Item[] = [{ name: 'b10', size: 2 }, { name: 'b9' }, { name: 'a', size: 10 }, { name: 'c', size: 2 }];

function sorted(text: string): string[] {
  return sortBy(ITEMS, text, KEYS).map(({ name }) => name);
}

describe('sorting', () => {
  it('compares texts as people do, and numbers by their value', () => {
    expect(sorted('name')).to.deep.equal(['a', 'b9', 'b10', 'c']);
    expect(sorted('size')).to.deep.equal(['b10', 'c', 'a', 'b9']);
  });

  it('goes downwards after "-", with what is missing still last', () => {
    expect(sorted('-name')).to.deep.equal(['c', 'b10', 'b9', 'a']);
    expect(sorted('-size')).to.deep.equal(['a', 'b10', 'c', 'b9']);
  });

  it('goes on with the next key where the first is the same, and leaves the rest in its order', () => {
    expect(sorted('size,-name')).to.deep.equal(['c', 'b10', 'a', 'b9']);
    expect(sortBy(ITEMS.toReversed(), 'size', KEYS).map(({ name }) => name)).to.deep.equal(['c', 'b10', 'a', 'b9']);
  });

  it('leaves the given list alone', () => {
    const before = [...ITEMS];
    sorted('-name');
    expect(ITEMS).to.deep.equal(before);
  });

  it('refuses a key that there is not, even with nothing to sort', () => {
    for (const text of ['', 'colour', 'name,', 'name,colour', '--name', 'toString']) {
      expect(() => sortBy([], text, KEYS), text)
        .to.throw(LxcriError, /^--sort: there is no key /)
        .with.property('hint', 'keys are: name, size; "-" before one sorts downwards');
    }
  });
});
