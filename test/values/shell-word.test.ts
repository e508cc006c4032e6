import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { shellWord } from '../../src/values/shell-word.ts';

describe('a word for a shell', () => {
  it('is left as it is where it may be', () => {
    expect(['/etc/a-b_c.yaml', 'A=1,2:3', '50%+@'].map(shellWord)).to.deep.equal([
      '/etc/a-b_c.yaml',
      'A=1,2:3',
      '50%+@',
    ]);
  });

  it('comes out of the shell as it went in', () => {
    const words = ['', ' ', "it's", '$HOME', '`id`', 'a\nb', '"', '\\', '*', '~', "'; rm -rf x; '", 'ä'];
    const { stdout } = spawnSync('/bin/sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`]);
    expect(stdout.toString().split('\0').slice(0, -1)).to.deep.equal(words);
  });
});
