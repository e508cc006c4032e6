import { expect } from 'chai';

import { durationMs, timeoutMs } from '../../src/values/duration.ts';
import { invalidValueOf } from './invalid.ts';

const DAY_MS = 86_400_000;

describe('the milliseconds of a duration', () => {
  it('may be more than a timer can wait, where nothing waits for them', () => {
    expect(durationMs('365d', 3650 * DAY_MS)).to.equal(365 * DAY_MS);
    expect(invalidValueOf(() => durationMs('3651d', 3650 * DAY_MS)).hint).to.include('at most 3650d');
    expect(invalidValueOf(() => durationMs('3651d', 3650 * DAY_MS)).hint).to.include('7d');
    expect(invalidValueOf(() => durationMs('25d')).hint).to.include('at most 24d');
  });

  it('keep its limits, which are said of what is a duration', () => {
    for (const text of ['0s', '25d'])
      expect(invalidValueOf(() => durationMs(text)).message).to.equal(`"${text}" is not a duration from 1ms to 24d`);
    expect(invalidValueOf(() => durationMs('soon')).message).to.equal('"soon" is not a duration');
  });

  it('are none for the word none, where there may be no limit', () => {
    expect(timeoutMs('none')).to.equal(undefined);
    expect(timeoutMs('1s')).to.equal(1000);
    for (const text of ['None', '', 'never', '0s']) invalidValueOf(() => timeoutMs(text));
    invalidValueOf(() => durationMs('none'));
  });
});
