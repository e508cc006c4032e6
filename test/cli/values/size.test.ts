import { expect } from 'chai';

import { parseSize } from '../../../src/cli/values/size.ts';
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
