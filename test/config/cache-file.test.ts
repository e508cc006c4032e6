import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import { writeCacheFile } from '../../src/config/cache-file.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('a file of the cache', () => {
  it('is ours alone, in a folder of ours, and takes the place of an older one', () => {
    const path = join(scratchDirectory(), 'below/kept.json');
    writeCacheFile(path, 'one');
    writeCacheFile(path, 'two');
    expect(readFileSync(path, 'utf8')).to.equal('two');
    expect([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]).to.deep.equal([0o600, 0o700]);
    expect(readdirSync(dirname(path))).to.deep.equal(['kept.json']);
  });

  it('is left out where it cannot be made, and nothing else is left either', () => {
    const folder = scratchDirectory();
    writeFileSync(join(folder, 'file'), '');
    writeCacheFile(join(folder, 'file/kept.json'), 'one');
    mkdirSync(join(folder, 'own/kept.json'), { recursive: true, mode: 0o700 });
    writeCacheFile(join(folder, 'own/kept.json'), 'one');
    expect(readdirSync(join(folder, 'own'))).to.deep.equal(['kept.json']);
  });
});
