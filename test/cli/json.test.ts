import { Writable } from 'node:stream';

import { expect } from 'chai';

import { jsonPieces, writeJson } from '../../src/cli/json.ts';

/** Random text of everything that JSON and UTF-16 find difficult. */
function randomText(length: number): string {
  const alphabet = ['a', '"', '\\', '\0', '\n', '\u2028', '\u007f', 'é', '😀', '\ud83d', '\ude00', '\uffff', '{', '/'];
  let text = '';
  while (text.length < length) text += alphabet[Math.floor(Math.random() * alphabet.length)];
  return text;
}

describe('JSON in pieces', () => {
  it('reads back as the same object, on one line', () => {
    for (let round = 0; round < 30; round++) {
      const document = {
        empty: '',
        long: randomText(Math.floor(Math.random() * 200_000)),
        [randomText(3)]: randomText(65_535 + Math.floor(Math.random() * 4)),
        nothing: null,
        number: 12.4,
        list: [{ method: 'pct', reason: randomText(20) }],
        yes: true,
      };
      const text = [...jsonPieces(document)].join('');
      expect(JSON.parse(text) as object).to.deep.equal(document);
      expect(text.indexOf('\n')).to.equal(text.length - 1);
    }
  });

  it('joins a pair of surrogates that a piece ends in', () => {
    for (const before of [65_534, 65_535, 65_536, 131_071]) {
      const text = `${'x'.repeat(before)}😀y`;
      expect(JSON.parse([...jsonPieces({ text })].join('')) as object).to.deep.equal({ text });
    }
  });

  it('leaves out what is undefined, and knows the empty object', () => {
    expect([...jsonPieces({ a: undefined, b: 1, c: undefined })].join('')).to.equal('{"b":1}\n');
    expect([...jsonPieces({})].join('')).to.equal('{}\n');
    expect([...jsonPieces({ a: undefined })].join('')).to.equal('{}\n');
  });

  it('stays in pieces for text whose JSON would exceed the longest string', () => {
    // NUL takes six characters in JSON: twice 384 MiB, above the 512 Mi characters that a string can have.
    const nul = '\0'.repeat(64 * 1024 * 1024);
    let length = 0;
    let longest = 0;
    for (const piece of jsonPieces({ stdout: nul, stderr: nul })) {
      length += piece.length;
      longest = Math.max(longest, piece.length);
    }
    expect(length).to.equal('{"stdout":"","stderr":""}\n'.length + 2 * 6 * nul.length);
    expect(longest).to.be.at.most(6 * 65_536);
    expect(() => JSON.stringify({ stdout: nul, stderr: nul })).to.throw(RangeError);
  });
});

describe('writing JSON', () => {
  it('waits for a slow reader, and ends when all is handed over', async () => {
    let text = '';
    let busy = 0;
    const target = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        expect(++busy).to.equal(1);
        setImmediate(() => {
          text += chunk.toString();
          busy--;
          done();
        });
      },
    });
    const document = { stdout: 'x'.repeat(300_000) };
    await writeJson(target, document);
    expect(JSON.parse(text) as object).to.deep.equal(document);
    expect(target.writableLength).to.equal(0);
  });

  it('writes a small document at once, and a large one in pieces', async () => {
    const lengths: number[] = [];
    const target = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        lengths.push(chunk.length);
        done();
      },
    });
    const small = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`key${index}`, 'value']));
    await writeJson(target, small);
    expect(lengths).to.deep.equal([JSON.stringify(small).length + 1]);
    lengths.length = 0;
    await writeJson(target, { ...small, stdout: 'x'.repeat(1_000_000) });
    expect(lengths.length).to.be.within(10, 40);
    expect(Math.max(...lengths)).to.be.at.most(65_536);
  });

  it('stops when the reader has gone', async () => {
    let writes = 0;
    const target = new Writable({
      write(_chunk, _encoding, done) {
        writes++;
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    await writeJson(target, { stdout: 'x'.repeat(65_536 * 1000) });
    expect(writes).to.equal(1);
  });
});
