import { expect } from 'chai';

import { isFrozen } from '../../src/lxc/freezer.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';

describe('the freezer', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('tells a frozen container from one that runs, before and after', async () => {
    const init = await container.initPid();
    expect(isFrozen(init)).to.equal(false);
    await container.freeze();
    try {
      expect(isFrozen(init)).to.equal(true);
    } finally {
      await container.unfreeze();
    }
    expect(isFrozen(init)).to.equal(false);
  });

  it('takes no other process for frozen, nor one that is gone', () => {
    expect(isFrozen(process.pid)).to.equal(false);
    expect(isFrozen(4_194_305)).to.equal(false);
  });
});
