import { expect } from 'chai';

import { carriersOf, runArguments } from '../../../src/methods/attach/run-words.ts';
import type { ResolvedUser } from '../../../src/methods/attach/user-lookup.ts';
import { requestOf } from '../../oci/requests.ts';

const APP: ResolvedUser = {
  uid: 1000,
  gid: 1000,
  name: 'app',
  home: '/home/app',
  shell: '/bin/ash',
  groups: [1000],
  tool: 'setpriv',
};

describe('what the script that runs a command is given', () => {
  it('are the words of the request, of the user and of the terminal, then the command', () => {
    const request = requestOf({ id: 'x', command: ['ls', ''], workdir: '/srv' });
    expect(runArguments(request, APP, 'xterm')).to.deep.equal(['x', '/srv', '/home/app', 'app', '', 'xterm', 'ls', '']);
    expect(runArguments({ ...request, workdir: undefined }, undefined).slice(0, 6)).to.deep.equal([
      'x',
      '',
      '',
      '',
      '',
      '',
    ]);
  });

  it('is the login shell without a command: that of the user, or "login" for that of root', () => {
    const request = requestOf({ id: 'x', command: [] });
    expect(runArguments(request, APP)).to.deep.equal(['x', '', '/home/app', 'app', '/bin/ash', '']);
    expect(runArguments(request, undefined)).to.deep.equal(['x', '', '', '', 'login', '']);
  });

  it('are variables under names that mean nothing to any program', () => {
    expect(carriersOf(new Map(Object.entries({ LD_PRELOAD: 'a=b', B: '' })))).to.deep.equal([
      ['PROXMOX_LXCRI_ENV_0', 'LD_PRELOAD=a=b'],
      ['PROXMOX_LXCRI_ENV_1', 'B='],
    ]);
  });
});
