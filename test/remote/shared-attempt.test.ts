/** What several wait for together. */
import { expect } from 'chai';

import { SharedAttempt } from '../../src/remote/shared-attempt.ts';

describe('a shared attempt', () => {
  /** One that takes until it is told what came of it, or was given up. */
  function pending() {
    let succeed: (value: string) => void = () => {};
    let fail: (error: Error) => void = () => {};
    const attempt = new SharedAttempt(
      (signal) =>
        new Promise<string>((resolve, reject) => {
          [succeed, fail] = [resolve, reject];
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    return { attempt, succeed, fail };
  }
  const messageOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    );

  it('goes on for the others when one stops waiting', async () => {
    const { attempt, succeed } = pending();
    const impatient = new AbortController();
    const first = messageOf(attempt.wait(impatient.signal));
    const second = attempt.wait(new AbortController().signal);
    impatient.abort(new Error('enough'));
    expect(await first).to.equal('enough');
    expect(attempt.isVain).to.equal(false);
    succeed('made');
    expect(await second).to.equal('made');
    expect(await attempt.wait(undefined)).to.equal('made');
  });

  it('is given up when nobody waits any more', async () => {
    const { attempt } = pending();
    const impatient = [new AbortController(), new AbortController()];
    const waiting = impatient.map(({ signal }) => messageOf(attempt.wait(signal)));
    for (const each of impatient) each.abort(new Error('enough'));
    expect(await Promise.all(waiting)).to.deep.equal(['enough', 'enough']);
    expect(attempt.isVain).to.equal(true);
  });

  it('stays when it was made, whoever waits', async () => {
    const { attempt, succeed } = pending();
    const late = new AbortController();
    const waiting = attempt.wait(late.signal);
    succeed('made');
    await waiting;
    late.abort(new Error('enough'));
    expect(attempt.isVain).to.equal(false);
    expect(await attempt.wait(undefined)).to.equal('made');
  });

  it('that fails tells all, and is vain', async () => {
    const { attempt, fail } = pending();
    const waiting = [attempt.wait(undefined), attempt.wait(undefined)].map(messageOf);
    fail(new Error('no'));
    expect(await Promise.all(waiting)).to.deep.equal(['no', 'no']);
    expect(attempt.isVain).to.equal(true);
  });
});
