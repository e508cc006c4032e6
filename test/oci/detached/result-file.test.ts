import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { ResultFile } from '../../../src/oci/detached/result-file.ts';
import { scratchDirectory } from '../../support/lxc.ts';

describe('a result file', () => {
  it('is there only once it is complete, in a folder that may have got another name', async () => {
    const parent = scratchDirectory();
    mkdirSync(join(parent, 'one'));
    const file = new ResultFile(join(parent, 'one'));
    expect(statSync(join(parent, 'one', 'result.json.new')).blocks, 'room is set aside').to.be.at.least(32);
    renameSync(join(parent, 'one'), join(parent, 'other'));
    expect(existsSync(join(parent, 'other', 'result.json'))).to.equal(false);
    await file.publish(join(parent, 'other'), '{"é":1}');
    expect(readdirSync(join(parent, 'other'))).to.deep.equal(['result.json']);
    expect(readFileSync(join(parent, 'other', 'result.json'), 'utf8')).to.equal('{"é":1}');
    expect(statSync(join(parent, 'other', 'result.json')).mode & 0o777).to.equal(0o600);
  });

  it('takes more than was set aside', async () => {
    const folder = scratchDirectory();
    const text = 'x'.repeat(100_000);
    await new ResultFile(folder).publish(folder, text);
    expect(readFileSync(join(folder, 'result.json'), 'utf8')).to.equal(text);
  });
});
