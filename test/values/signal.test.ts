import { expect } from 'chai';

import { signalNamed, signalNumber } from '../../src/values/signal.ts';
import { must } from '../support/run.ts';

describe('the name of a signal', () => {
  it('is found as kill(1) finds it', () => {
    for (const text of ['TERM', 'SIGTERM', 'term', '15']) expect(signalNamed(text), text).to.equal('SIGTERM');
    for (const text of ['RTMIN+3', 'SIGRTMIN+3', 'rtmin+3', '37', 'RTMAX-27'])
      expect(signalNamed(text), text).to.equal('SIGRTMIN+3');
    expect([signalNamed('34'), signalNamed('RTMIN+0'), signalNamed('64')]).to.deep.equal([
      'SIGRTMIN',
      'SIGRTMIN',
      'SIGRTMAX',
    ]);
  });

  it('is that of bash for every signal for real time', async () => {
    for (let number = 34; number <= 64; number++) {
      const name = signalNamed(String(number));
      expect(name, String(number)).to.be.a('string');
      if (name !== undefined) expect(signalNumber(name)).to.equal(number);
    }
    const { stdout } = await must(['bash', '-c', 'for n in $(seq 34 64); do kill -l $n; done']);
    const names = stdout.trim().split('\n');
    expect(names.map((_, index) => signalNamed(String(34 + index))?.slice(3))).to.deep.equal(names);
  });

  it('is not that of what programs may not send, or is none', () => {
    for (const text of ['32', '33', '65', 'RTMIN+31', 'RTMAX-31', 'RTMIN-1', 'RTMAX+1', 'RTMIN+', 'SIGRT', '0', ''])
      expect(signalNamed(text), text).to.equal(undefined);
  });
});
