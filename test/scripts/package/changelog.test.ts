import { expect } from 'chai';

import { debianChangelog } from '../../../scripts/package/changelog.ts';
import { must } from '../../support/run.ts';

const RELEASE = { name: 'prog', version: '2.0.0', maintainer: 'A B <a@b.example>', time: 1_700_000_000 };

describe('the changelog of the Debian packages', () => {
  it('has an entry for each section, with its date, in lines that Debian reads', async () => {
    const long = 'word '.repeat(40).trim();
    const text = debianChangelog(
      `# Changelog\n\n## Unreleased\n\n- ${long}\n  and on\n- two\n\n## 1.0.0 (2025-03-04)\n\n- one\n`,
      RELEASE,
    );
    const { stdout } = await must(['dpkg-parsechangelog', '--all', '--format', 'rfc822', '-l', '-'], { input: text });
    expect([...stdout.matchAll(/^(?:Version|Date): (.*)/gm)].map(([, value]) => value)).to.deep.equal([
      '2.0.0',
      'Tue, 14 Nov 2023 22:13:20 +0000',
      '1.0.0',
      'Tue, 04 Mar 2025 00:00:00 +0000',
    ]);
    expect(text.split('\n').every((line) => line.length <= 80)).to.equal(true);
    expect(text.replaceAll(/\n {4}/g, ' ')).to.include(`  * ${long} and on\n  * two\n`);
  });

  it('is refused where nothing has changed', () => {
    expect(() => debianChangelog('# Changelog\n', RELEASE)).to.throw('names no changes');
  });
});
