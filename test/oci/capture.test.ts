import { expect } from 'chai';

import { Capture } from '../../src/oci/capture.ts';

function captured(limit: number, ...chunks: (string | number[])[]) {
  const capture = new Capture(limit);
  for (const chunk of chunks) capture.write(Buffer.from(chunk as string));
  return { ...capture.take(), truncated: capture.truncated };
}

describe('a capture', () => {
  it('keeps text as text, also a character that came in two chunks', () => {
    expect(captured(100, 'a', [0xc3], [0xa9, 0x0a])).to.deep.equal({
      text: 'aé\n',
      encoding: 'utf8',
      truncated: false,
    });
    expect(captured(100)).to.deep.equal({ text: '', encoding: 'utf8', truncated: false });
  });

  it('gives what is not UTF-8 as base64, whole', () => {
    const bytes = [0x00, 0xff, 0x61, 0xc3];
    const { text, encoding } = captured(100, bytes);
    expect(encoding).to.equal('base64');
    expect([...Buffer.from(text, 'base64')]).to.deep.equal(bytes);
  });

  it('is not truncated by exactly as much as the limit, and is by one byte more', () => {
    expect(captured(4, 'ab', 'cd')).to.deep.equal({ text: 'abcd', encoding: 'utf8', truncated: false });
    expect(captured(4, 'ab', 'cd', 'e')).to.deep.equal({ text: 'abcd', encoding: 'utf8', truncated: true });
    expect(captured(4, 'abcde')).to.deep.equal({ text: 'abcd', encoding: 'utf8', truncated: true });
    expect(captured(0, 'a')).to.deep.equal({ text: '', encoding: 'utf8', truncated: true });
  });

  it('leaves out a character that the limit cuts, wherever it cuts', () => {
    for (const character of ['é', '€', '😀']) {
      const length = Buffer.byteLength(character);
      for (let cut = 1; cut < length; cut++)
        expect(captured(2 + cut, `ab${character}`), `${character} after ${cut}`).to.deep.include({
          text: 'ab',
          encoding: 'utf8',
        });
      expect(captured(2 + length, `ab${character}c`)).to.deep.include({ text: `ab${character}`, truncated: true });
    }
  });

  it('keeps the bytes up to the limit where they are not UTF-8 anyway', () => {
    const { text, encoding } = captured(3, [0xff, 0x61, 0xc3, 0xa9]);
    expect(encoding).to.equal('base64');
    expect([...Buffer.from(text, 'base64')]).to.deep.equal([0xff, 0x61, 0xc3]);
  });

  it('leaves out a character that was cut before it came here', () => {
    const capture = new Capture(100);
    capture.write(Buffer.from('ab€').subarray(0, 4));
    capture.cut();
    expect([capture.take().text, capture.truncated]).to.deep.equal(['ab', true]);
  });

  it('does not call an end truncated that the command itself wrote', () => {
    expect(captured(100, 'ab', [0xc3])).to.deep.include({ encoding: 'base64', truncated: false });
  });

  it('holds no more memory than the limit, whatever comes', () => {
    const capture = new Capture(1024);
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let round = 0; round < 1000; round++) capture.write(chunk);
    expect(capture.take().text).to.equal('x'.repeat(1024));
  });
});
