import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { Recipes, adapted, samplePattern } from './recipes.ts';
import { scratchDirectory } from './scratch.ts';

const DOCUMENT = `# Title

## One

\`\`\`sh
echo 1
# no heading
\`\`\`

\`\`\`text
1
\`\`\`

### Two

\`\`\`sh
echo 2
\`\`\`
`;

describe('the recipes of a document', () => {
  let recipes: Recipes;

  beforeEach(() => {
    const file = join(scratchDirectory(), 'document.md');
    writeFileSync(file, DOCUMENT);
    recipes = new Recipes(file);
  });

  it('are its code blocks, by heading and language', () => {
    expect(recipes.take('Two', 'sh')).to.equal('echo 2\n');
    expect(recipes.take('One', 'sh')).to.equal('echo 1\n# no heading\n');
  });

  it('are each taken once, and the others are told', () => {
    recipes.take('One', 'sh');
    expect(() => recipes.take('One', 'sh')).to.throw('no (further) block of sh under "One"');
    expect(() => recipes.take('Three', 'sh')).to.throw('under "Three"');
    expect(recipes.left().map((each) => each.replace(/.*\.md:/, ''))).to.deep.equal([
      '10: text under "One"',
      '16: sh under "Two"',
    ]);
  });

  it('are adapted word by word, and not without the word', () => {
    expect(adapted('run update-web web website "web"', { web: '$&' })).to.equal('run update-$& $& website "$&"');
    expect(() => adapted('run', { web: 'x' })).to.throw('web is not in: run');
  });

  it('show outputs that are compared without what differs each time', () => {
    const sample = 'a.b: exit code 1 after 12.3s; by process 4711, since 2026-11-21T01:00:00Z\n';
    const pattern = samplePattern(sample);
    expect('a.b: exit code 1 after 1m30s; by process 7, since 2030-01-01T23:00:00Z\n').to.match(pattern);
    expect('a.b: exit code 2 after 1m30s; by process 7, since 2030-01-01T23:00:00Z\n').not.to.match(pattern);
    expect('axb: exit code 1 after 1m30s; by process 7, since 2030-01-01T23:00:00Z\n').not.to.match(pattern);
    expect(`${sample}more`).not.to.match(pattern);
  });
});
