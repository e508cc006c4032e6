import { existsSync, fstatSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { openUnnamedFile } from '../../src/process/unnamed-file.ts';
import { must } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

function temporaryNames(): string[] {
  return ['/run', '/tmp'].flatMap((directory) =>
    readdirSync(directory).filter((name) => name.startsWith('proxmox-lxcri-')),
  );
}

describe('a file without a name', () => {
  it('is written by another program, by its path, and read by us', async () => {
    const file = openUnnamedFile();
    try {
      expect(file.read()).to.equal('');
      await must(['/bin/sh', '-c', 'echo one >>"$0"; echo two >>"$0"', file.path]);
      expect(file.read()).to.equal('one\ntwo\n');
      expect(file.read()).to.equal('one\ntwo\n');
    } finally {
      file.close();
    }
  });

  it('has no name in any directory, and belongs to us alone', () => {
    const before = temporaryNames();
    const file = openUnnamedFile();
    try {
      expect(readlinkSync(file.path)).to.match(/\(deleted\)$/);
      expect(statSync(file.path).mode & 0o777).to.equal(0o600);
      expect(temporaryNames()).to.deep.equal(before);
    } finally {
      file.close();
    }
  });

  it('is where it was wanted, or in the next place that takes it', () => {
    const directory = scratchDirectory();
    for (const directories of [[directory], ['/proc', `${directory}/missing`, directory]]) {
      const file = openUnnamedFile(directories);
      try {
        expect(readlinkSync(file.path)).to.match(new RegExp(`^${directory}/.* \\(deleted\\)$`));
        expect(fstatSync(file.fd).ino).to.equal(statSync(file.path).ino);
      } finally {
        file.close();
      }
    }
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it('is gone when it is closed', () => {
    const file = openUnnamedFile();
    file.close();
    expect(existsSync(file.path)).to.equal(false);
    expect(() => writeFileSync(file.path, '')).to.throw(/ENOENT|EBADF/);
  });

  it('is one of its own each time', () => {
    const [one, other] = [openUnnamedFile(), openUnnamedFile()];
    try {
      writeFileSync(one.path, 'one');
      expect([one.read(), other.read()]).to.deep.equal(['one', '']);
    } finally {
      one.close();
      other.close();
    }
  });
});
