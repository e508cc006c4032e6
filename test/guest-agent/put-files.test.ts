import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { putFiles } from '../../src/guest-agent/put-files.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';

const FILES = [
  { name: 'program', mode: 0o755, content: Buffer.from('new program') },
  { name: 'text', mode: 0o644, content: Buffer.from('new text') },
];

function failure(act: () => void): LxcriError {
  try {
    act();
  } catch (error) {
    expect(error).to.be.instanceOf(LxcriError);
    return error as LxcriError;
  }
  throw new Error('it did not fail');
}

describe('putting files into a directory', () => {
  let directory: string;

  beforeEach(() => {
    directory = scratchDirectory();
  });

  it('makes the directory, and gives the files their modes whatever the mask is', () => {
    const made = join(directory, 'new');
    const before = process.umask(0o077);
    try {
      putFiles(made, FILES, false);
    } finally {
      process.umask(before);
    }
    expect(readdirSync(made)).to.deep.equal(['program', 'text']);
    for (const { name, mode, content } of FILES) {
      expect(readFileSync(join(made, name)).equals(content)).to.equal(true);
      expect(lstatSync(join(made, name)).mode & 0o7777).to.equal(mode);
      expect(lstatSync(join(made, name)).nlink).to.equal(1);
    }
  });

  it('touches nothing where one of the names is taken', () => {
    writeFileSync(join(directory, 'text'), 'old');
    const error = failure(() => putFiles(directory, FILES, false));
    expect(error).to.include({ code: 'UsageError', message: `${directory}/text is there already` });
    expect(error.hint).to.include('--force');
    expect(readdirSync(directory)).to.deep.equal(['text']);
    expect(readFileSync(join(directory, 'text'), 'utf8')).to.equal('old');
  });

  it('takes a symbolic link for a name that is taken, also one that leads nowhere', () => {
    symlinkSync(join(directory, 'nowhere'), join(directory, 'program'));
    expect(failure(() => putFiles(directory, FILES, false)).message).to.equal(`${directory}/program is there already`);
    expect(existsSync(join(directory, 'nowhere'))).to.equal(false);
  });

  it('does not replace what has come there meanwhile', () => {
    // The second one finds the first one there.
    const twice = [...FILES, { name: 'program', mode: 0o755, content: Buffer.from('late') }];
    const made = join(directory, 'new');
    expect(failure(() => putFiles(made, twice, false))).to.include({
      code: 'UsageError',
      hint: 'somebody else has just written it; replace it with --force',
    });
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it('replaces files and links, and never what a link leads to', () => {
    const other = join(scratchDirectory(), 'other');
    writeFileSync(other, 'of somebody else');
    symlinkSync(other, join(directory, 'program'));
    writeFileSync(join(directory, 'text'), 'old');
    putFiles(directory, FILES, true);
    expect(readFileSync(other, 'utf8')).to.equal('of somebody else');
    expect(() => readlinkSync(join(directory, 'program'))).to.throw('EINVAL');
    expect(readFileSync(join(directory, 'program'), 'utf8')).to.equal('new program');
    expect(readFileSync(join(directory, 'text'), 'utf8')).to.equal('new text');
    expect(readdirSync(directory)).to.deep.equal(['program', 'text']);
  });

  it('replaces no directory', () => {
    mkdirSync(join(directory, 'text'));
    for (const replace of [false, true]) {
      const error = failure(() => putFiles(directory, FILES, replace));
      expect(error).to.include({ code: 'UsageError', message: `${directory}/text is a directory` });
    }
    expect(readdirSync(directory)).to.deep.equal(['text']);
  });

  it('leaves nothing of what it has written when a later file fails, and no directory that it has made', () => {
    const made = join(directory, 'new');
    const files = [...FILES, { name: 'x'.repeat(300), mode: 0o644, content: Buffer.from('too long a name') }];
    expect(failure(() => putFiles(made, files, false)).code).to.equal('OperationFailed');
    expect(readdirSync(directory)).to.deep.equal([]);
    expect(failure(() => putFiles(directory, files, true)).code).to.equal('OperationFailed');
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it('makes no directories above, and puts nothing into a file', () => {
    const deep = failure(() => putFiles(join(directory, "it's/deep"), FILES, false));
    expect(deep.code).to.equal('UsageError');
    expect(deep.hint).to.equal(String.raw`make it first: mkdir -p '${directory}/it'\''s'`);
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(failure(() => putFiles(file, FILES, true)).message).to.equal(`${file} is not a directory`);
  });

  it('says of a place where nothing can be written that it is one', () => {
    // Not even root can make files there.
    const error = failure(() => putFiles('/proc/self', FILES, false));
    expect(error.message).to.match(/^\/proc\/self: nothing can be written there/);
    expect(error.code).to.equal('OperationFailed');
  });
});
