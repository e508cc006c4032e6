import { expect } from 'chai';

import { becoming } from '../../../src/methods/agent/user.ts';
import type { ResolvedUser } from '../../../src/methods/attach/user-lookup.ts';
import { isLxcriError } from '../../../src/model/errors.ts';

const APP: ResolvedUser = {
  uid: 1000,
  gid: 1000,
  name: 'app',
  home: '/',
  shell: '/bin/sh',
  groups: [1000],
  tool: 'setpriv',
};

describe('becoming a user in a guest', () => {
  it('leaves no group of root', () => {
    expect(becoming(APP)).to.deep.equal(['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups', '--']);
    expect(becoming({ ...APP, tool: 'chroot' })).to.deep.equal(['chroot', '--userspec=+1000:+1000', '--groups=', '/']);
    expect(becoming({ ...APP, tool: 'busybox-su' })).to.include.members(['su', 'app']);
  });

  it('takes the groups of a login', () => {
    expect(becoming({ ...APP, groups: [1000, 2000] })).to.include('2000');
  });

  it('is refused where there is no means for it', () => {
    const refused: Partial<ResolvedUser>[] = [
      { tool: 'none' },
      { tool: 'busybox-su', name: '' },
      { tool: 'busybox-su', gid: 5 },
    ];
    for (const user of refused) {
      let error: unknown;
      try {
        becoming({ ...APP, ...user });
      } catch (thrown) {
        error = thrown;
      }
      expect(isLxcriError(error) && error.code, JSON.stringify(user)).to.equal('UserNotFound');
    }
  });
});
