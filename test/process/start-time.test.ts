import { expect } from 'chai';

import { startedAt } from '../../src/process/start-time.ts';
import { newChildren } from './children.ts';

describe('the start of a process', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  it('is told to the second, and does not change', () => {
    const before = Date.now();
    const { pid } = children.start('sleep', ['1000']);
    const started = startedAt(pid);
    // The time of boot, which it is counted from, is known to the second only.
    expect(started?.getTime()).to.be.within(before - 1500, Date.now() + 1500);
    expect(startedAt(pid)).to.deep.equal(started);
  });

  it('is not known of one that is gone', () => {
    expect(startedAt(4_194_305)).to.equal(undefined);
  });
});
