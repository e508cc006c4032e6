import { expect } from 'chai';

import { identityOf } from '../../src/model/container.ts';

describe('the identity of a container', () => {
  it('holds what results show, and nothing of how it is reached', () => {
    const lxc = { name: '101', lxcpath: '/var/lib/lxc' };
    expect(
      identityOf({ id: '101', name: 'web', platform: 'proxmox', node: 'pve1', lxc, lock: 'backup' }),
    ).to.deep.equal({
      id: '101',
      name: 'web',
      platform: 'proxmox',
      node: 'pve1',
    });
    expect(identityOf({ id: 'web', name: 'web', platform: 'lxc', lxc })).to.have.all.keys('id', 'name', 'platform');
  });
});
