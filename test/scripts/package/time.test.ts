import { expect } from 'chai';

import { sourceTime } from '../../../scripts/package/time.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { must } from '../../support/run.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('sourceTime', () => {
  const { SOURCE_DATE_EPOCH: _, ...env } = process.env;

  it('is SOURCE_DATE_EPOCH, which must be a number', () => {
    const nowhere = scratchDirectory();
    expect(sourceTime(nowhere, { ...env, SOURCE_DATE_EPOCH: '1700000000' })).to.equal(1_700_000_000);
    for (const wrong of ['', 'today', '-1', '1e9'])
      expect(() => sourceTime(nowhere, { ...env, SOURCE_DATE_EPOCH: wrong })).to.throw('SOURCE_DATE_EPOCH is ');
  });

  it('is the time of the last commit', async function () {
    if (findExecutable('git') === undefined) {
      console.log('SKIPPED: git is not here');
      this.skip();
    }
    const root = scratchDirectory();
    const someone = {
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@b',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@b',
    };
    const git = { ...env, ...someone, GIT_COMMITTER_DATE: '@1600000000 +0900', GIT_CONFIG_GLOBAL: '/dev/null' };
    await must(['git', 'init', '--quiet', root], { env: git });
    await must(['git', '-C', root, 'commit', '--quiet', '--allow-empty', '--message', 'first'], { env: git });
    expect(sourceTime(root, env)).to.equal(1_600_000_000);
  });

  it('says what to do where neither is', () => {
    const ceiling = { ...env, GIT_DIR: '/nonexistent' };
    expect(() => sourceTime(scratchDirectory(), ceiling)).to.throw('set SOURCE_DATE_EPOCH');
  });
});
