import { expect } from 'chai';

import { namedContainer } from '../../src/cli/verb-flags.ts';
import { LxcriError } from '../../src/model/errors.ts';

describe('the container of a verb', () => {
  it('is what was named', () => {
    expect(namedContainer('web', 'stop CONTAINER')).to.equal('web');
  });

  it('is asked for where it was not', () => {
    expect(() => namedContainer(undefined, 'stop CONTAINER'))
      .to.throw(LxcriError, 'no container was named')
      .that.includes({ code: 'MissingContainerId', hint: 'usage: proxmox-lxcri stop CONTAINER' });
  });
});
