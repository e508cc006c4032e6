/** Where the sockets of shared connections are. */
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
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

  it('is not one in a place where others could put another one for it', () => {
    for (const [mode, safe] of [
      [0o777, false],
      [0o775, false],
      [0o1777, true],
    ] as const) {
      const place = join(parent, mode.toString(8));
      mkdirSync(place);
      chmodSync(place, mode);
      expect(isPrivate(join(place, 'ours'), 0), mode.toString(8)).to.equal(safe);
    }
    const foreign = join(parent, 'foreign');
    mkdirSync(foreign);
    chownSync(foreign, 12_345, 12_345);
    expect(isPrivate(join(foreign, 'ours'), 0)).to.equal(false);
  });

  it('is not one that ssh would take for another path, or that is too long for a socket', () => {
    const us = process.geteuid?.() ?? 0;
    // Of other users than root it is in the directory that their session has for sockets.
    const below = (name: string): string | undefined => {
      const runtime = join(parent, name);
      mkdirSync(runtime);
      const made = join(runtime, 'proxmox-lxcri-ssh');
      mkdirSync(made, { mode: 0o700 });
      chownSync(made, 12_345, 12_345);
      const found = controlDirectory({ XDG_RUNTIME_DIR: runtime }, 12_345);
      return found?.startsWith(runtime) ? found : undefined;
    };
    expect(us, 'the tests run as root').to.equal(0);
    expect(below('u')).to.equal(join(parent, 'u', 'proxmox-lxcri-ssh'));
    for (const name of ['100%h', 'a b', '${HOME}', "it's", 'x'.repeat(60)])
      expect(below(name), name).to.equal(undefined);
  });

  it('is short enough for a socket, with the name and what ssh appends to it while it makes one', () => {
    const path = controlDirectory(process.env) ?? '';
    expect(`${path}/${'x'.repeat(24)}.${'x'.repeat(16)}`.length).to.be.below(104);
  });
});
