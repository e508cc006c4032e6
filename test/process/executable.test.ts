import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { findExecutable, helperEnvironment } from '../../src/process/executable.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('finding a program', () => {
  let directory: string;

  before(() => {
    directory = scratchDirectory();
    for (const [name, mode] of [
      ['one/tool', 0o644],
      ['two/tool', 0o755],
      ['three/tool', 0o755],
      ['two/plain', 0o644],
    ] as const) {
      mkdirSync(`${directory}/${name.replace(/\/.*/, '')}`, { recursive: true });
      writeFileSync(`${directory}/${name}`, '');
      chmodSync(`${directory}/${name}`, mode);
    }
    mkdirSync(`${directory}/one/folder`);
    symlinkSync('/nonexistent', `${directory}/one/dangling`);
    symlinkSync('../three/tool', `${directory}/one/link`);
  });

  function path(...names: string[]): string {
    return names.map((name) => `${directory}/${name}`).join(':');
  }

  it('takes the first that can be executed', () => {
    expect(findExecutable('tool', path('one', 'two', 'three'))).to.equal(`${directory}/two/tool`);
    expect(findExecutable('tool', path('three', 'two'))).to.equal(`${directory}/three/tool`);
    expect(findExecutable('link', path('one'))).to.equal(`${directory}/one/link`);
  });

  it('passes over what is no program', () => {
    for (const name of ['plain', 'folder', 'dangling', 'nosuch', '']) {
      expect(findExecutable(name, path('one', 'two')), name).to.equal(undefined);
    }
  });

  it('also looks where an administrator’s programs are, although PATH does not', () => {
    for (const given of ['', '/nonexistent', path('one')])
      expect(findExecutable('sh', given)).to.match(/^\/(usr\/)?bin\/sh$/);
    expect(findExecutable('chroot', '/usr/bin:/bin')).to.match(/sbin\/chroot$/);
  });

  it('never takes one from the current directory', () => {
    const before = process.cwd();
    process.chdir(`${directory}/two`);
    try {
      for (const given of ['', '.', ':', '../two', 'two'])
        expect(findExecutable('tool', given), given).to.equal(undefined);
    } finally {
      process.chdir(before);
    }
  });
});

describe('the environment of a helper', () => {
  it('inherits nothing of ours', () => {
    process.env['LD_PRELOAD_OF_TEST'] = 'x';
    try {
      expect(helperEnvironment({ A: 'b' })).to.have.all.keys('PATH', 'LC_ALL', 'A');
    } finally {
      delete process.env['LD_PRELOAD_OF_TEST'];
    }
  });
});
