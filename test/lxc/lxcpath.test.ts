import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { DEFAULT_LXCPATH, lxcpaths } from '../../src/lxc/lxcpath.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('the directories of containers', () => {
  let systemConfig: string;

  beforeEach(() => {
    systemConfig = `${scratchDirectory()}/lxc.conf`;
  });

  function configured(text: string): string[] {
    writeFileSync(systemConfig, text);
    return lxcpaths({ systemConfig });
  }

  it('are the default one where nothing is configured', () => {
    expect(lxcpaths({ systemConfig })).to.deep.equal([DEFAULT_LXCPATH]);
    expect(lxcpaths({ systemConfig, directories: undefined })).to.deep.equal([DEFAULT_LXCPATH]);
  });

  it('are what LXC’s own configuration says, and the default', () => {
    expect(configured('lxc.lxcpath = /srv/lxc\n')).to.deep.equal(['/srv/lxc', DEFAULT_LXCPATH]);
    expect(configured('# x\n\tlxc.lxcpath=/srv/lxc/  \nlxc.bdev.lvm.vg = x\n')).to.deep.equal([
      '/srv/lxc',
      DEFAULT_LXCPATH,
    ]);
    expect(configured(`lxc.lxcpath = ${DEFAULT_LXCPATH}/`)).to.deep.equal([DEFAULT_LXCPATH]);
  });

  it('are not what a comment or another key says', () => {
    for (const text of [
      '#lxc.lxcpath = /srv/lxc',
      'lxc.lxcpath.old = /srv/lxc',
      'lxc.lxcpath = relative',
      'xlxc.lxcpath = /x',
      '',
    ])
      expect(configured(text), text).to.deep.equal([DEFAULT_LXCPATH]);
  });

  it('are those that are named instead of LXC’s configuration, once each, in order', () => {
    writeFileSync(systemConfig, 'lxc.lxcpath = /srv/lxc\n');
    const directories = ['/b/', '/a', '/b', '/'];
    expect(lxcpaths({ directories, systemConfig })).to.deep.equal(['/b', '/a', '/', DEFAULT_LXCPATH]);
  });
});
