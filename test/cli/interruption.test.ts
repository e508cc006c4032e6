import { expect } from 'chai';

import { Interruption, interruptible } from '../../src/cli/interruption.ts';

const listeners = (): number => process.listenerCount('SIGUSR2') + process.listenerCount('SIGTERM');

describe('what a signal can interrupt', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    it(`is told of ${signal}, and has the time to end`, async () => {
      const before = process.listeners(signal).length;
      let ended = false;
      const failed = await interruptible(async (abort) => {
        expect(process.listeners(signal)).to.have.length(before + 1);
        // Sent to the listeners alone: mocha's own would end the tests.
        process.listeners(signal).at(-1)?.(signal);
        expect(abort.aborted).to.equal(true);
        await new Promise(setImmediate);
        ended = true;
        abort.throwIfAborted();
      }).catch((error: unknown) => error);
      expect(ended).to.equal(true);
      expect(failed).to.be.instanceOf(Interruption).with.property('signal', signal);
      expect(process.listeners(signal)).to.have.length(before);
    });
  }

  it('has its own result or error where there is none', async () => {
    const before = listeners();
    expect(await interruptible(() => Promise.resolve(7))).to.equal(7);
    const error = new Error('its own');
    expect(await interruptible(() => Promise.reject(error)).catch((thrown: unknown) => thrown)).to.equal(error);
    expect(listeners()).to.equal(before);
  });
});
