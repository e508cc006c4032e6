import { randomInt } from 'node:crypto';

import { expect } from 'chai';

import { NewlineUndo } from '../../../src/methods/attach/newline-undo.ts';

/** What a terminal does to output (ONLCR). */
function throughTerminal(bytes: Buffer): Buffer {
  return Buffer.from([...bytes].flatMap((byte) => (byte === 10 ? [13, 10] : [byte])));
}

function undone(...chunks: Buffer[]): string {
  const undo = new NewlineUndo();
  return Buffer.concat([...chunks.map((chunk) => undo.write(chunk)), undo.end()]).toString('latin1');
}

describe('taking back what a terminal did to newlines', () => {
  it('gives the bytes that were written, however they are cut', () => {
    for (let round = 0; round < 300; round++) {
      const written = Buffer.from(Array.from({ length: randomInt(30) }, () => [13, 10, 10, 97, 0][randomInt(5)] ?? 0));
      const shown = throughTerminal(written);
      const cuts = [0, randomInt(shown.length + 1), randomInt(shown.length + 1), shown.length].toSorted(
        (a, b) => a - b,
      );
      const chunks = cuts.slice(1).map((end, index) => shown.subarray(cuts[index], end));
      expect(undone(...chunks)).to.equal(written.toString('latin1'));
      expect(undone(...[...shown].map((byte) => Buffer.of(byte)))).to.equal(written.toString('latin1'));
    }
  });

  it('keeps a return that belongs to no newline, also at the very end', () => {
    expect(undone(Buffer.from('50%\r100%\r'), Buffer.from('\r'))).to.equal('50%\r100%\r\r');
  });

  it('holds nothing back but a return', () => {
    const undo = new NewlineUndo();
    expect(undo.write(Buffer.from('$ ')).toString()).to.equal('$ ');
    expect(undo.write(Buffer.from('a\r')).toString()).to.equal('a');
    expect(undo.write(Buffer.from('\n')).toString()).to.equal('\n');
    expect(undo.end()).to.have.length(0);
  });
});
