import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { defaultCacheDirectory, defaultStateDirectory, ensurePrivateDirectory } from '../../src/config/paths.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { runModule } from '../cli/module.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** What both are for a user who is not root. The module is loaded before the user changes: it may lie in root's home. */
function placesOf(uid: number, env: NodeJS.ProcessEnv): string[] {
  const { stdout, stderr } = runModule(
    'config/paths.ts',
    `process.seteuid(${uid});
     const env = ${JSON.stringify(env)};
     console.log(JSON.stringify([module.defaultStateDirectory(env), module.defaultCacheDirectory(env)]))`,
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

const UNKNOWN_USER = 3_999_999;

describe('the directories of our own', () => {
  it('are the system’s for root, whatever HOME and XDG say', () => {
    const env = { HOME: '/home/x', XDG_STATE_HOME: '/s', XDG_CACHE_HOME: '/c' };
    expect(defaultStateDirectory(env)).to.equal('/var/lib/proxmox-lxcri');
    expect(defaultCacheDirectory(env)).to.equal('/var/cache/proxmox-lxcri');
  });

  it('are the user’s for others, as XDG has them', () => {
    expect(placesOf(UNKNOWN_USER, { HOME: '/home/x' })).to.deep.equal([
      '/home/x/.local/state/proxmox-lxcri',
      '/home/x/.cache/proxmox-lxcri',
    ]);
    expect(placesOf(UNKNOWN_USER, { HOME: '/home/x', XDG_STATE_HOME: '/s', XDG_CACHE_HOME: 'relative' })).to.deep.equal(
      ['/s/proxmox-lxcri', '/home/x/.cache/proxmox-lxcri'],
    );
  });

  it('are found without HOME, and for a user without an entry', () => {
    // Debian's user "daemon".
    expect(placesOf(1, {})).to.deep.equal(['/usr/sbin/.local/state/proxmox-lxcri', '/usr/sbin/.cache/proxmox-lxcri']);
    expect(placesOf(UNKNOWN_USER, { HOME: 'relative' })).to.deep.equal([
      '/var/lib/proxmox-lxcri',
      '/var/cache/proxmox-lxcri',
    ]);
  });
});

describe('a private directory', () => {
  let place: string;

  beforeEach(() => {
    place = `${scratchDirectory()}/state`;
  });

  function refused(says: RegExp): void {
    let thrown: unknown;
    try {
      ensurePrivateDirectory(place);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).to.be.instanceOf(LxcriError);
    const { code, message, hint } = thrown as LxcriError;
    expect(code).to.equal('ConfigError');
    expect(`${message}; ${hint}`).to.match(says).and.to.include(place);
  }

  it('is made with those above it, for us alone', () => {
    ensurePrivateDirectory(`${place}/deep/er`);
    for (const path of [place, `${place}/deep`, `${place}/deep/er`])
      expect(lstatSync(path).mode & 0o777, path).to.equal(0o700);
  });

  it('may be there already', () => {
    ensurePrivateDirectory(place);
    writeFileSync(`${place}/kept`, '');
    ensurePrivateDirectory(place);
    expect(lstatSync(`${place}/kept`).isFile()).to.equal(true);
    // What is in it is private by itself.
    chmodSync(place, 0o755);
    ensurePrivateDirectory(place);
  });

  it('is refused when others can write to it, with what mends it', () => {
    mkdirSync(place);
    for (const mode of [0o770, 0o707, 0o1777]) {
      chmodSync(place, mode);
      refused(/can be written by others; run: chown 0 .* && chmod 700 /);
    }
  });

  it('is refused when it belongs to somebody else', () => {
    mkdirSync(place, { mode: 0o700 });
    chownSync(place, 65_534, 65_534);
    refused(/belongs to the user with the id 65534; run: chown 0 /);
  });

  it('is refused when it is a symlink or no directory', () => {
    const other = scratchDirectory();
    chmodSync(other, 0o700);
    symlinkSync(other, place);
    refused(new RegExp(`is a symlink; name the directory that it leads to in the configuration: ${other}$`));
    place = `${scratchDirectory()}/dangling`;
    symlinkSync('/nonexistent', place);
    refused(/is a symlink; it leads nowhere: remove it/);
    place = `${scratchDirectory()}/file`;
    writeFileSync(place, '');
    refused(/is not a directory; name another directory in the configuration/);
    for (const below of [`${place}/below`, '/proc/nothing', '/proc/nothing/below/that']) {
      place = below;
      refused(/cannot be made \(.*\); make it, or name another one/);
    }
  });
});
