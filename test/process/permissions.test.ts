import { chmodSync, chownSync, closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { rememberPermissions } from '../../src/process/permissions.ts';
import { needs } from '../support/component.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('the permissions of a file that LXC was given', () => {
  let path: string;
  let fd: number;

  beforeEach(() => {
    path = join(scratchDirectory(), 'file');
    fd = openSync(path, 'w');
    chmodSync(path, 0o640);
  });

  afterEach(() => closeSync(fd));

  const mode = (): number => statSync(path).mode & 0o7777;

  it('are given back', function () {
    needs(this, 'root', process.geteuid?.() === 0, 'only root may give files away');
    chownSync(path, 1000, 1000);
    const giveBack = rememberPermissions([fd]);
    chownSync(path, 0, 1000);
    chmodSync(path, 0o700);
    giveBack();
    const { uid, gid } = statSync(path);
    expect([uid, gid, mode()]).to.deep.equal([1000, 1000, 0o640]);
  });

  it('are left as somebody else has made them', () => {
    const giveBack = rememberPermissions([fd]);
    chmodSync(path, 0o604);
    giveBack();
    expect(mode()).to.equal(0o604);
  });

  it('are not those of another file that has its number by now', () => {
    const giveBack = rememberPermissions([fd]);
    closeSync(fd);
    const other = `${path}-2`;
    fd = openSync(other, 'w');
    chmodSync(other, 0o700);
    giveBack();
    expect(statSync(other).mode & 0o7777).to.equal(0o700);
  });
});
