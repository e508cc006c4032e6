import { constants } from 'node:os';

import { expect } from 'chai';

import { parseSignal } from '../../../src/cli/values/signal.ts';
import { signalNumber } from '../../../src/values/signal.ts';
import { usageErrorOf } from './usage-error.ts';

describe('a signal', () => {
  it('is a name, with or without SIG, in any case, or a number', () => {
    for (const text of ['TERM', 'SIGTERM', 'term', 'sigTerm', '15'])
      expect(parseSignal(text), text).to.equal('SIGTERM');
    expect(parseSignal('kill')).to.equal('SIGKILL');
    expect(parseSignal('1')).to.equal('SIGHUP');
  });

  it('is one that this host has', () => {
    for (const number of Object.values(constants.signals)) {
      const name = parseSignal(String(number));
      expect(signalNumber(name), name).to.equal(number);
    }
    for (const text of ['', 'SIG', 'NOPE', '0', '-9', '9 ', '65', 'SIGSIGTERM', '09']) {
      const error = usageErrorOf(() => parseSignal(text));
      expect(error.message).to.match(/^there is no signal /);
      expect(error.hint).to.equal('use a name such as TERM, HUP, KILL or RTMIN+3, or its number');
    }
  });
});
