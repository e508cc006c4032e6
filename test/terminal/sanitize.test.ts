import { expect } from 'chai';

import { sanitize } from '../../src/terminal/sanitize.ts';

/** All numbers from one to another, both included. */
function span(first: number, last = first): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe('text made harmless for a terminal', () => {
  const HARMFUL: Record<string, number[]> = {
    'control characters, the 8-bit ones too': [...span(0, 0x1f), ...span(0x7f, 0x9f)],
    'line and paragraph separators': span(0x2028, 0x2029),
    'what turns the direction of text': [
      0x061c,
      ...span(0x200e, 0x200f),
      ...span(0x202a, 0x202e),
      ...span(0x2066, 0x206f),
    ],
    'what has no width': [
      0xad,
      0x034f,
      0x180e,
      ...span(0x200b, 0x200d),
      ...span(0x2060, 0x2064),
      0x3164,
      0xfeff,
      0xffa0,
    ],
    'variation selectors': span(0xfe00, 0xfe0f),
    annotations: span(0xfff9, 0xfffb),
    'unpaired surrogates': [0xd800, 0xdbff, 0xdc00, 0xdfff],
  };
  for (const [what, codes] of Object.entries(HARMFUL)) {
    it(`shows as escapes: ${what}`, () => {
      for (const code of codes)
        expect(sanitize(`a${String.fromCharCode(code)}b`)).to.equal(`a\\u${code.toString(16).padStart(4, '0')}b`);
    });
  }

  it('shows as escapes: tags and variation selectors beyond the first plane', () => {
    for (const code of [...span(0xe0000, 0xe007f), ...span(0xe0100, 0xe01ef)])
      expect(sanitize(`a${String.fromCodePoint(code)}b`)).to.equal(`a\\u{${code.toString(16)}}b`);
  });

  it('leaves all other text as it is', () => {
    for (const text of ['', 'a b', 'é€😀', '容器', 'e\u0301', '\u0e01\u0e34', '"\\\'', '\u00a0', '🇩🇪'])
      expect(sanitize(text)).to.equal(text);
  });
});
