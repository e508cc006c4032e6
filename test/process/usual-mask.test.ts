import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { withUsualMask } from '../../src/process/usual-mask.ts';

describe('the usual mask', () => {
  it('is that of the program, which gets its words as they are', () => {
    const [file, ...words] = withUsualMask('/bin/sh');
    const before = process.umask(0o177);
    try {
      const script = 'umask; printf "[%s]" "$0" "$@"';
      const { stdout } = spawnSync(file, [...words, '-c', script, 'a b', '', '*'], { encoding: 'utf8' });
      expect(stdout).to.equal('0022\n[a b][][*]');
    } finally {
      process.umask(before);
    }
  });
});
