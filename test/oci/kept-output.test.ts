import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';

import { expect } from 'chai';

import { KeptOutput } from '../../src/oci/kept-output.ts';
import type { UnnamedFile } from '../../src/process/unnamed-file.ts';

const KIB = 1024;

/** Bytes that tell where they come from. */
function bytes(length: number): Buffer {
  const made = Buffer.alloc(length);
  for (let at = 0; at < length; at++) made[at] = (at * 2_654_435_761) >>> 24;
  return made;
}

describe('kept output', () => {
  let kept: KeptOutput;

  function keep(limit: number, openFile?: () => UnnamedFile): KeptOutput {
    kept = new KeptOutput(limit, openFile);
    return kept;
  }

  function write(data: Buffer, pieceLength = data.length): void {
    for (let at = 0; at < data.length; at += pieceLength) kept.write(data.subarray(at, at + pieceLength));
  }

  function all(): Buffer {
    return Buffer.concat([...kept.pieces()].map((piece) => Buffer.from(piece)));
  }

  function sha(data: Buffer): string {
    return createHash('sha256').update(data).digest('hex');
  }

  afterEach(() => kept.close());

  it('is nothing where there was none', () => {
    keep(1000);
    expect([all().length, kept.lost.bytes]).to.deep.equal([0, 0]);
  });

  it('needs no file when it is short', () => {
    keep(1000 * KIB, () => {
      throw new Error('a file was made');
    });
    const data = bytes(64 * KIB);
    write(data, 1000);
    expect(all().equals(data)).to.equal(true);
    expect(kept.lost).to.deep.equal({ bytes: 0, failure: undefined });
  });

  for (const pieceLength of [1000, 64 * KIB, 300 * KIB]) {
    it(`is given back byte for byte up to the limit, in pieces of ${pieceLength}`, () => {
      keep(300 * KIB);
      const data = bytes(300 * KIB);
      write(data, pieceLength);
      expect(sha(all())).to.equal(sha(data));
      expect(sha(all()), 'and once more').to.equal(sha(data));
      expect(kept.lost.bytes).to.equal(0);
    });

    it(`leaves out the middle beyond the limit, in pieces of ${pieceLength}`, () => {
      keep(200 * KIB);
      const data = bytes(1000 * KIB + 7);
      write(data, pieceLength);
      const expected = Buffer.concat([data.subarray(0, 64 * KIB), data.subarray(data.length - 136 * KIB)]);
      expect(sha(all())).to.equal(sha(expected));
      expect(kept.lost).to.deep.equal({ bytes: data.length - 200 * KIB, failure: undefined });
    });
  }

  for (const { limit, expected } of [
    { limit: 0, expected: '' },
    { limit: 1, expected: '9' },
    { limit: 2, expected: '09' },
    { limit: 5, expected: '01789' },
    { limit: 9, expected: '012356789' },
    { limit: 10, expected: '0123456789' },
  ]) {
    it(`keeps ${JSON.stringify(expected)} of ten characters with a limit of ${limit}`, () => {
      keep(limit);
      write(Buffer.from('0123456789'), 3);
      expect(all().toString()).to.equal(expected);
      expect(kept.lost.bytes).to.equal(10 - limit);
    });
  }

  it('is short of what a full disk did not take, and says so', () => {
    keep(200 * KIB, () => {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    });
    const data = bytes(100 * KIB);
    write(data, 10 * KIB);
    expect(all().equals(data.subarray(0, 64 * KIB))).to.equal(true);
    expect([kept.lost.bytes, kept.lost.failure?.message]).to.deep.equal([36 * KIB, 'ENOSPC: no space left on device']);
  });

  it('holds no more memory than its head, and no file once it is closed', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    keep(256 * KIB * KIB);
    const piece = bytes(64 * KIB);
    kept.write(piece);
    kept.write(piece);
    const memory = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < 512; at++) kept.write(piece);
    expect(process.memoryUsage().arrayBuffers - memory).to.be.below(KIB * KIB);
    expect(open()).to.equal(before + 1);
    kept.close();
    expect(open()).to.equal(before);
  });
});
