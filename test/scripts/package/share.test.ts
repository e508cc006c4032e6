import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { expect } from 'chai';

import { filesBelow } from '../../../scripts/package/files.ts';
import { putDocumentation } from '../../../scripts/package/share.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('the documentation of the packages', () => {
  it('has no link that leads nowhere, and tells nobody to use a checkout', () => {
    const to = scratchDirectory();
    putDocumentation(ROOT, to);
    const pages = filesBelow(to).filter((name) => name.endsWith('.md'));
    expect(pages).to.include.members(['README.md', 'docs/install.md']);
    const broken = pages.flatMap((page) =>
      [...readFileSync(join(to, page), 'utf8').matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)]
        .filter(([, link = '']) => !existsSync(join(to, dirname(page), link)))
        .map(([, link]) => `${page}: ${link}`),
    );
    expect(broken).to.deep.equal([]);
    const readme = readFileSync(join(to, 'README.md'), 'utf8');
    expect(readme).not.to.include('npm ci');
    // The rest of it is there.
    expect(readme).to.match(/^# proxmox-lxcri\n[^]*\n## Use\n\n```console\n[^]*docs\/development\.md/);
    expect(existsSync(join(to, 'examples/config.yaml'))).to.equal(true);
  });
});
