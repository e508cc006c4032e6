/** Waiting that can be given up. */
import { getEventListeners } from 'node:events';

import { expect } from 'chai';

import { untilAborted } from '../../src/process/until-aborted.ts';

describe('waiting until something is aborted', () => {
  const never = new Promise<never>(() => {});
  const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('gives what comes, and lets go of the signal', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).to.equal(1);
    expect(await untilAborted(Promise.resolve(2), undefined)).to.equal(2);
    expect(await reasonOf(untilAborted(Promise.reject(new Error('no')), signal))).to.have.property('message', 'no');
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('ends with the reason, also when that was there before', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const waiting = reasonOf(untilAborted(never, abort.signal));
    abort.abort(reason);
    expect(await waiting).to.equal(reason);
    expect(await reasonOf(untilAborted(never, abort.signal))).to.equal(reason);
  });
});
