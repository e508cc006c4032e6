/** Where the sockets of shared connections are. */
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { controlDirectory, isPrivate } from '../../../src/remote/ssh/control-directory.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('the directory of shared connections', () => {
  const parent = scratchDirectory();

  it('is made for us alone', () => {
    const path = join(parent, 'new');
    expect(isPrivate(path, 0)).to.equal(true);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    expect(isPrivate(path, 0)).to.equal(true);
  });

  it('is not one that others may enter, that belongs to others, or that is a link', () => {
    mkdirSync(join(parent, 'open'));
    chmodSync(join(parent, 'open'), 0o755);
    mkdirSync(join(parent, 'real'), { mode: 0o700 });
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    expect(isPrivate(join(parent, 'open'), 0)).to.equal(false);
    expect(isPrivate(join(parent, 'real'), 1000)).to.equal(false);
    expect(isPrivate(join(parent, 'link'), 0)).to.equal(false);
    expect(isPrivate(join(parent, 'no', 'parent'), 0)).to.equal(false);
  });

  it('is short enough for a socket, with the name and what ssh appends to it while it makes one', () => {
    const path = controlDirectory(process.env) ?? '';
    expect(`${path}/${'x'.repeat(24)}.${'x'.repeat(16)}`.length).to.be.below(104);
  });
});
