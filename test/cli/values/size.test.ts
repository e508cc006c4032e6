import { expect } from 'chai';

import { formatSize, parseSize } from '../../../src/cli/values/size.ts';
import { usageErrorOf } from './usage-error.ts';

describe('a size', () => {
  it('is read in bytes, in powers of 1024', () => {
    for (const [text, bytes] of [
      ['0', 0],
      ['1000', 1000],
      ['7B', 7],
      ['64KiB', 65_536],
      ['64k', 65_536],
      ['64kb', 65_536],
      ['8M', 8_388_608],
      ['8MiB', 8_388_608],
      ['256MiB', 268_435_456],
    ] as const) {
      expect(parseSize(text, '--max-output'), text).to.equal(bytes);
    }
  });

  it('is refused when it is none, or more than fits', () => {
    for (const text of [
      '',
      'M',
      '-1',
      '1.5M',
      '8 MiB',
      '8MiB\n',
      '1e6',
      '0x10',
      '257M',
      '1G',
      '1T',
      '9'.repeat(400),
      'NaN',
    ]) {
      expect(usageErrorOf(() => parseSize(text, '--max-output')).message, text).to.match(
        /^--max-output: ".*" is not a size$/s,
      );
    }
  });
});

describe('a size for people', () => {
  it('has one digit after the point, in powers of 1024', () => {
    for (const [bytes, text] of [
      [0, '0B'],
      [1023, '1023B'],
      [1024, '1.0KiB'],
      [1536, '1.5KiB'],
      [1_048_525, '1.0MiB'],
      [1_048_576, '1.0MiB'],
      [12_009_472, '11.5MiB'],
      [3 * 1024 ** 3, '3.0GiB'],
      [5 * 1024 ** 4, '5.0TiB'],
      [5000 * 1024 ** 4, '5000.0TiB'],
    ] as const)
      expect(formatSize(bytes), String(bytes)).to.equal(text);
  });
});
