import { expect } from 'chai';

import { methodNames } from '../../src/values/methods.ts';
import { invalidValueOf } from './invalid.ts';

describe('an order of methods', () => {
  it('is taken as it is', () => {
    expect(methodNames(['lxc-attach', 'pct'], [])).to.deep.equal(['lxc-attach', 'pct']);
  });

  it('is refused when one does not exist, with those that are offered', () => {
    for (const name of ['', 'PCT', 'ssh', ' pct', 'constructor']) {
      const { message, hint } = invalidValueOf(() => methodNames(['pct', name], ['pct', 'lxc-attach']));
      expect(message).to.equal(`there is no method ${JSON.stringify(name)}`);
      expect(hint).to.include('pct, lxc-attach');
    }
  });
});
