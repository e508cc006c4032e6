import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { Guard } from '../../../src/methods/kubernetes/guard.ts';
import type { PodAccess, PodChannel } from '../../../src/model/pod.ts';

const LIMITS = { totalMs: 1500, silenceMs: 500 };

describe('what watches over a command', () => {
  /** A connection by which nothing comes. */
  const silent = (): PodChannel => {
    let close = (): void => {};
    const ended = new Promise((resolve) => (close = () => resolve({ kind: 'lost', reason: 'closed' })));
    const [stdin, stdout, stderr] = [new PassThrough().resume(), new PassThrough(), new PassThrough()];
    return { stdin, stdout, stderr, ended, close } as unknown as PodChannel;
  };

  const guardOver = (open: () => Promise<PodChannel>): Guard =>
    new Guard({ cluster: { open } } as unknown as PodAccess, '0d5f2d2e-6b0c-4b52-a3a5-111111111111', [], LIMITS);

  for (const [what, further] of [
    ['opens', () => Promise.resolve(silent())],
    ['does not open', () => new Promise<PodChannel>(() => {})],
  ] as const)
    it(`is given up on a line that is silent, once, where another connection ${what}`, async () => {
      let count = 0;
      const guard = guardOver(() => (count++ === 0 ? Promise.resolve(silent()) : further()));
      guard.begin();
      expect(await guard.kill()).to.equal(undefined);
      const asked = count;
      expect(asked).to.be.at.least(2);
      expect(await guard.kill()).to.equal(undefined);
      expect(count).to.equal(asked);
    });
});
