import { expect } from 'chai';
import { waitFor } from './wait-for.ts';

describe('waitFor', () => {
  it('gives back what the condition gave once it is true', async () => {
    let calls = 0;
    const value = await waitFor(() => (++calls === 3 ? 'third' : undefined), { what: 'the third call', intervalMs: 1 });
    expect(value).to.equal('third');
    expect(calls).to.equal(3);
  });

  it('fails with what was waited for, and the last error of the condition', async () => {
    const failure = await waitFor(
      () => {
        throw new Error('not there');
      },
      { what: 'a file', timeoutMs: 20, intervalMs: 5 },
    ).catch((error: unknown) => error);
    expect(failure).to.be.an('error').with.property('message');
    expect((failure as Error).message).to.equal('timed out after 20 ms waiting for a file (last error: not there)');
  });
});
