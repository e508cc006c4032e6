import { expect } from 'chai';

import { DetachKey } from '../../../src/methods/console/detach-key.ts';

/** What is typed for chunks of keys, until the key that leaves; `|` stands for it. */
function typed(...chunks: string[]): string {
  const key = new DetachKey();
  let text = '';
  for (const chunk of chunks) {
    const read = key.read(Buffer.from(chunk, 'latin1'));
    text += read.typed.toString('latin1');
    if (read.detached) return `${text}|`;
  }
  return text;
}

describe('the key that leaves a console', () => {
  for (const [chunks, expected, what] of [
    [['abc'], 'abc', 'is no letter'],
    [['ab\x01qcd'], 'ab|', 'is Ctrl-a q, and nothing after it is typed'],
    [['ab\x01', 'q'], 'ab|', 'may come in two pieces'],
    [['\x01\x01'], '\x01', 'types one Ctrl-a for two'],
    [['\x01', '\x01', 'q'], '\x01q', 'types a q behind a Ctrl-a that was typed'],
    [['\x01\x01\x01q'], '\x01|', 'is found behind a Ctrl-a that was typed'],
    [['\x01e', '\x01\xff'], '\x01e\x01\xff', 'lets every other key have its Ctrl-a'],
    [['\x01'], '', 'waits for the next key'],
    [['\x01Q'], '\x01Q', 'is a small q'],
  ] as const)
    it(what, () => {
      expect(typed(...chunks)).to.equal(expected);
    });

  it('leaves all other bytes as they are', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 1));
    expect(new DetachKey().read(bytes)).to.deep.equal({ typed: bytes, detached: false });
  });
});
