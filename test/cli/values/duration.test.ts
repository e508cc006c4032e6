import { expect } from 'chai';

import { formatAge, formatDuration, parseDuration, parseTimeout } from '../../../src/cli/values/duration.ts';
import { usageErrorOf } from './usage-error.ts';

describe('a duration', () => {
  it('is read in milliseconds', () => {
    for (const [text, ms] of [
      ['30s', 30_000],
      ['30', 30_000],
      ['0.5', 500],
      ['5m', 300_000],
      ['1h30m', 5_400_000],
      ['1.5s', 1500],
      ['500ms', 500],
      ['1m1ms', 60_001],
      ['0h1s', 1000],
      ['24d', 2_073_600_000],
      ['2147483647ms', 2_147_483_647],
      ['1d2h3m4s5ms', 93_784_005],
    ] as const) {
      expect(parseDuration(text, '--timeout'), text).to.equal(ms);
    }
  });

  it('is refused when it is none, nothing, or longer than a timer can wait', () => {
    for (const text of [
      '',
      's',
      '0',
      '-5',
      '.5',
      '5.',
      '0s',
      '0.1ms',
      '-5s',
      '+5s',
      '5 s',
      ' 5s',
      '5s ',
      '5s\n',
      '5S',
      '1e3s',
      '.5s',
      '5.s',
      '1.2.3s',
      '5x',
      'infinity',
      '25d',
      '2147483648ms',
      `${'9'.repeat(400)}h`,
      '٣s',
    ]) {
      const { message, hint } = usageErrorOf(() => parseDuration(text, '--timeout'));
      expect(message, text).to.match(/^--timeout: ".*" is not a duration( from 1ms to 24d)?$/s);
      expect(hint).to.include('1h30m');
    }
  });

  it('that is nothing is told to be too short', () => {
    for (const text of ['0', '0s', '0.1ms', '0h0m']) {
      expect(usageErrorOf(() => parseDuration(text, '--timeout')).message, text).to.match(/from 1ms to 24d$/);
      expect(usageErrorOf(() => parseTimeout(text, '--timeout')).message, text).to.match(/from 1ms to 24d$/);
    }
    expect(usageErrorOf(() => parseDuration('soon', '--timeout')).message).to.match(/is not a duration$/);
    expect([parseTimeout('90', '--timeout'), parseTimeout('none', '--timeout')]).to.deep.equal([90_000, undefined]);
  });

  it('is written as people do', () => {
    for (const [ms, text] of [
      [0, '0ms'],
      [12.4, '12ms'],
      [1500, '1.5s'],
      [30_000, '30s'],
      [60_000, '1m'],
      [90_000, '1m30s'],
      [3_600_000, '1h'],
      [5_400_000, '1h30m'],
      [3_601_000, '1h1s'],
      [90_000_000, '25h'],
    ] as const) {
      expect(formatDuration(ms), String(ms)).to.equal(text);
    }
  });

  it('is rounded as a whole, not part by part', () => {
    expect([119_600, 3_599_600, 59_999, 999.6].map(formatDuration)).to.deep.equal(['2m', '1h', '1m', '1s']);
  });
});

describe('an age', () => {
  it('is told to the second under a day, to the hour above', () => {
    for (const [ms, text] of [
      [0, '1s'],
      [1999, '1s'],
      [59_999, '59s'],
      [3_903_000, '1h5m3s'],
      [86_399_999, '23h59m59s'],
      [86_400_000, '1d0h'],
      [12 * 86_400_000 + 3 * 3_600_000 + 1, '12d3h'],
    ] as const)
      expect(formatAge(ms), String(ms)).to.equal(text);
  });
});
