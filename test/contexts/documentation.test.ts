import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { parseContexts } from '../../src/contexts/yaml.ts';

describe('docs/contexts.md', () => {
  it('has an example that is read as it says', () => {
    const text = readFileSync(new URL('../../docs/contexts.md', import.meta.url), 'utf8');
    const example = /```yaml\n([^]*?)```/.exec(text)?.[1] ?? '';
    const { current, contexts } = parseContexts('docs/contexts.md', Buffer.from(example));
    expect(current).to.equal('home');
    expect([...contexts.keys()]).to.deep.equal(['home', 'lab']);
  });
});
