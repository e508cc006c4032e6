import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { readRegularFile } from '../../src/process/regular-file.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('reading a regular file', () => {
  it('reads it from a position, and not more than wanted', () => {
    const file = join(scratchDirectory(), 'file');
    writeFileSync(file, '0123456789');
    expect(readRegularFile(file, 100)).to.equal('0123456789');
    expect(readRegularFile(file, 3)).to.equal('012');
    expect(readRegularFile(file, 3, 8)).to.equal('89');
    expect(readRegularFile(file, 3, 11)).to.equal('');
    writeFileSync(file, '');
    expect(readRegularFile(file, 3)).to.equal('');
  });

  it('reads nothing of a pipe, a device, a directory, or what is not there', async () => {
    const directory = scratchDirectory();
    const pipe = join(directory, 'pipe');
    await run(['mkfifo', pipe]);
    symlinkSync('/dev/zero', join(directory, 'zero'));
    for (const path of [pipe, join(directory, 'zero'), directory, join(directory, 'absent')])
      expect(readRegularFile(path, 100), path).to.equal(undefined);
  });
});
