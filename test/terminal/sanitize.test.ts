import { expect } from 'chai';

import { sanitize } from '../../src/terminal/sanitize.ts';

describe('text made harmless for a terminal', () => {
  it('shows every control character, and what turns the direction of text, as an escape', () => {
    const harmful = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index)];
    harmful.push(
      0x200e,
      0x200f,
      0x2028,
      0x2029,
      0x202a,
      0x202b,
      0x202c,
      0x202d,
      0x202e,
      0x2066,
      0x2067,
      0x2068,
      0x2069,
    );
    for (const code of harmful) {
      expect(sanitize(`a${String.fromCharCode(code)}b`)).to.equal(`a\\u${code.toString(16).padStart(4, '0')}b`);
    }
  });

  it('leaves all other text as it is', () => {
    for (const text of ['', 'a b', 'é€😀', '"\\\'', '\u00a0', '\u200b', '\ufeff', '\ud800'])
      expect(sanitize(text)).to.equal(text);
  });
});
