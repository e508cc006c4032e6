import { execFileSync } from 'node:child_process';

import { expect } from 'chai';

import { printfFormat, quotedBytes } from '../../src/framed/line-text.ts';

/** Without the byte that no word can have. */
const WORD = Buffer.from(Array.from({ length: 255 }, (_, byte) => byte + 1));

describe('bytes as text for a shell', () => {
  for (const shell of [['dash'], ['bash'], ['busybox', 'sh']]) {
    const run = (script: string | Buffer): Buffer => {
      const [file = '', ...args] = shell;
      return execFileSync(file, [...args, '-s'], { input: script });
    };

    it(`is one line of printable ASCII, which printf of ${shell.join(' ')} makes the bytes of`, () => {
      const bytes = Buffer.concat([Buffer.from('-n %s \\ \\101'), Buffer.from([0]), WORD, Buffer.from('0123')]);
      const format = printfFormat(bytes);
      expect(format).to.match(/^[\x20-\x7e]+$/);
      expect(run(`printf -- '${format.replaceAll("'", String.raw`'\''`)}'`).equals(bytes)).to.equal(true);
    });

    it(`is one word for ${shell.join(' ')}, byte for byte`, () => {
      const script = Buffer.concat([Buffer.from('printf %s '), quotedBytes(WORD), Buffer.from('\n')]);
      expect(run(script).equals(WORD)).to.equal(true);
    });
  }
});
