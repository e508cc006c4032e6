import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { OutputFile } from '../../../src/oci/detached/output-file.ts';
import { scratchDirectory } from '../../support/lxc.ts';

describe('an output file', () => {
  const path = (): string => join(scratchDirectory(), 'stdout');

  it('keeps what comes, up to its limit, and says whether that was all', async () => {
    const file = path();
    const output = new OutputFile(file, 6);
    await output.write(Buffer.from('abc'));
    await output.write(Buffer.from('def'));
    expect([output.truncated, readFileSync(file, 'latin1')]).to.deep.equal([false, 'abcdef']);
    expect(output.write(Buffer.from('g'))).to.equal(undefined);
    await output.close();
    expect([output.truncated, output.failure, readFileSync(file, 'latin1')]).to.deep.equal([true, null, 'abcdef']);
  });

  it('cuts a chunk at the limit', async () => {
    const file = path();
    const output = new OutputFile(file, 4);
    await output.write(Buffer.from('abcdef'));
    await output.close();
    expect([output.truncated, readFileSync(file, 'latin1')]).to.deep.equal([true, 'abcd']);
  });

  it('is for nobody else, and never one that is there already', async () => {
    const file = path();
    const output = new OutputFile(file, 4);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(() => new OutputFile(file, 4)).to.throw(/EEXIST/);
    await output.close();
  });
});
