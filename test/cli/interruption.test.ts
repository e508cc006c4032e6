import { expect } from 'chai';

import { Interruption, answered, interruptible } from '../../src/cli/interruption.ts';

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

describe('a question', () => {
  const never = (): Promise<never> => new Promise(() => {});

  it('is answered, or fails by itself', async () => {
    expect(await answered(() => Promise.resolve(7), 60_000)).to.equal(7);
    const error = new Error('its own');
    expect(await answered(() => Promise.reject(error), undefined).catch((thrown: unknown) => thrown)).to.equal(error);
  });

  it('is not waited for after a signal, although it goes on', async () => {
    const asked = answered(() => never(), undefined).catch((thrown: unknown) => thrown);
    process.listeners('SIGTERM').at(-1)?.('SIGTERM');
    expect(await asked)
      .to.be.instanceOf(Interruption)
      .with.property('signal', 'SIGTERM');
  });

  it('is told of the end of its time, and not waited for after it', async () => {
    let told: AbortSignal | undefined;
    const question = (abort: AbortSignal): Promise<never> => {
      told = abort;
      return never();
    };
    const error = await answered(question, 50).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'ExecutionTimeout', message: 'there was no answer within 50 ms' });
    expect(told?.aborted).to.equal(true);
  });
});
