import { expect } from 'chai';

import { timeLeftMs } from '../../../src/cli/complete/time-left.ts';

describe('the time that a key press has left', () => {
  it('is counted from the start of the process, and longer where that alone took long', () => {
    // This process is older than any key press takes.
    const before = (process.uptime() * 1000) / 2;
    expect(timeLeftMs()).to.be.at.least(Math.max(40, Math.round(before)));
  });
});
