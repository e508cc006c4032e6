import { expect } from 'chai';

import { tokenId, userName } from '../../src/values/identity.ts';
import { invalidValueOf } from './invalid.ts';

describe('names of users and tokens', () => {
  it('are those of Proxmox VE', () => {
    for (const user of ['root@pam', 'ops@pve', 'jo.doe@ad-1', 'jo@example.org@ldap'])
      expect(userName(user)).to.equal(user);
    for (const token of ['root@pam!cli', 'jo@example.org@ldap!a-b.c_1']) expect(tokenId(token)).to.equal(token);
  });

  it('have a realm', () => {
    for (const user of ['', 'root', 'root@', '@pam', 'ro ot@pam', 'root:x@pam', 'root@pam/x', 'root@1'])
      expect(invalidValueOf(() => userName(user)).hint, user).to.include('root@pam');
  });

  it('are told apart', () => {
    expect(invalidValueOf(() => userName('root@pam!cli')).hint).to.include('token');
    for (const text of ['root@pam', 'cli', 'root@pam!', 'root@pam!1', 'root@pam!a!b'])
      invalidValueOf(() => tokenId(text));
  });

  it('do not show a secret that was pasted with the id', () => {
    const { message, hint } = invalidValueOf(() => tokenId('root@pam!cli=fee8f2c1-4a2f'));
    expect(`${message} ${hint}`).not.to.include('fee8');
  });
});
