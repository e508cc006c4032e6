import { expect } from 'chai';

import { becoming, switchTo } from '../../../src/methods/attach/become.ts';
import type { ResolvedUser } from '../../../src/methods/attach/user-lookup.ts';
import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';

const APP: ResolvedUser = {
  uid: 1000,
  gid: 1001,
  name: 'app',
  home: '/',
  shell: '/bin/sh',
  groups: [1001, 2000],
  tool: 'setpriv',
};

/** One who has no groups but the primary one. */
const ALONE: ResolvedUser = { ...APP, groups: [1001] };

function refusal(call: () => unknown): LxcriError {
  try {
    call();
  } catch (error) {
    if (isLxcriError(error)) return error;
    throw error;
  }
  return expect.fail('accepted');
}

describe('becoming a user by lxc-attach', () => {
  it('needs nothing else without supplementary groups', () => {
    for (const groups of [[], [1001]]) {
      expect(switchTo({ ...APP, groups, tool: 'none' })).to.deep.equal({
        attachOptions: ['-u', '1000', '-g', '1001'],
        prefix: [],
      });
    }
  });

  it('needs a tool in the container with them', () => {
    expect(switchTo(APP)).to.deep.equal({ attachOptions: [], prefix: becoming(APP, 'container') });
  });

  it('is refused where it could not be complete', () => {
    const { code, message } = refusal(() => switchTo({ ...APP, tool: 'none' }));
    expect([code, message]).to.deep.equal([
      'UserNotFound',
      'the container has no tool that can set the supplementary groups of user "app"',
    ]);
  });
});

describe('becoming a user by a tool that is there', () => {
  it('leaves no group of root', () => {
    expect(becoming(ALONE, 'guest')).to.deep.equal([
      'setpriv',
      '--reuid',
      '1000',
      '--regid',
      '1001',
      '--clear-groups',
      '--',
    ]);
    expect(becoming({ ...ALONE, tool: 'chroot' }, 'guest')).to.deep.equal([
      'chroot',
      '--userspec=+1000:+1001',
      '--groups=',
      '/',
    ]);
    expect(becoming({ ...ALONE, tool: 'busybox-su' }, 'guest')).to.include.members(['su', 'app']);
  });

  it('takes the groups of a login', () => {
    expect(becoming(APP, 'guest')).to.deep.equal([
      'setpriv',
      '--reuid',
      '1000',
      '--regid',
      '1001',
      '--groups',
      '2000',
      '--',
    ]);
    expect(becoming({ ...APP, tool: 'chroot', groups: [1001, 2000, 2001] }, 'guest')).to.deep.equal([
      'chroot',
      '--userspec=+1000:+1001',
      '--groups=2000,2001',
      '/',
    ]);
    expect(becoming({ ...APP, tool: 'busybox-su' }, 'guest')).to.include('app');
  });

  it('is refused where there is no means for it', () => {
    const refused: Partial<ResolvedUser>[] = [
      { tool: 'none' },
      { tool: 'busybox-su', name: '' },
      // busybox's su takes the user's own primary group, not the one that was asked for.
      { tool: 'busybox-su', gid: 5 },
    ];
    for (const user of refused) {
      const { code, message, hint } = refusal(() => becoming({ ...ALONE, ...user }, 'guest'));
      expect(code, JSON.stringify(user)).to.equal('UserNotFound');
      expect(message).to.match(/^the guest has no tool that can become user "(app|1000)"$/);
      expect(hint).to.include('setpriv');
    }
  });
});
