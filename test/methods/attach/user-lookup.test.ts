import { expect } from 'chai';

import { parseLookup } from '../../../src/methods/attach/user-lookup.ts';
import type { ResolvedUser } from '../../../src/methods/attach/user-lookup.ts';
import { LxcriError } from '../../../src/model/errors.ts';

const SPEC = { user: 'app', group: 'staff' };
const FIELDS = {
  uid: '1000',
  gid: '1001',
  name: 'app',
  home: '/home/app',
  shell: '/bin/bash',
  groups: '1001 2000',
  tool: 'setpriv',
};
const APP: ResolvedUser = {
  uid: 1000,
  gid: 1001,
  name: 'app',
  home: '/home/app',
  shell: '/bin/bash',
  groups: [1001, 2000],
  tool: 'setpriv',
};

function lines(changes: Partial<Record<keyof typeof FIELDS, string>> = {}): string[] {
  return Object.entries({ ...FIELDS, ...changes }).map(([key, value]) => `${key}=${value}`);
}

function errorOf(call: () => unknown): LxcriError {
  try {
    call();
  } catch (error) {
    if (error instanceof LxcriError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('what a container says of a user', () => {
  it('is understood', () => {
    expect(parseLookup(lines(), SPEC)).to.deep.equal(APP);
    expect(parseLookup(lines({ name: '', groups: '' }), SPEC)).to.deep.equal({ ...APP, name: '', groups: [] });
    expect(parseLookup(lines({ home: '/a=b c' }), SPEC).home).to.equal('/a=b c');
  });

  it('is completed where it is no path', () => {
    expect(parseLookup(lines({ home: 'relative', shell: '' }), SPEC)).to.deep.include({ home: '/', shell: '/bin/sh' });
  });

  it('says that there is no such user or group', () => {
    const user = errorOf(() => parseLookup(['missing=user'], SPEC));
    expect([user.code, user.message]).to.deep.equal(['UserNotFound', 'no user "app" in the container']);
    expect(errorOf(() => parseLookup(['missing=group'], SPEC)).message).to.equal('no group "staff" in the container');
  });

  it('is not trusted', () => {
    const CASES: Partial<Record<keyof typeof FIELDS, string>>[] = [
      { uid: '' },
      { uid: '-1' },
      { uid: '0x0' },
      { uid: '4294967295' },
      { uid: '18446744073709551616' },
      { uid: ' 0' },
      { gid: '1e3' },
      { gid: '4294967295' },
      { groups: '1001 -5' },
      { groups: '1001 2000x' },
      { groups: '1001,2000' },
      { tool: 'sudo' },
      { tool: '' },
      { home: '/home\u001b[31m' },
      { shell: '/bin/sh\u0007' },
      { name: 'app\u007f' },
    ];
    for (const changes of CASES) {
      const error = errorOf(() => parseLookup(lines(changes), SPEC));
      expect(error.code, JSON.stringify(changes)).to.equal('UserNotFound');
      expect(error.message).to.equal('the container gave no usable answer about user "app"');
    }
    for (const missing of ['uid', 'gid', 'tool']) {
      errorOf(() =>
        parseLookup(
          lines().filter((line) => !line.startsWith(`${missing}=`)),
          SPEC,
        ),
      );
    }
    errorOf(() => parseLookup(['nonsense', '', '='], SPEC));
  });
});
