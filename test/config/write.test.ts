import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import { writeSetting } from '../../src/config/write.ts';
import { mustSync } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { configErrorOf } from './error.ts';

const NOBODY = 65_534;

describe('a key written to a file', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = scratchDirectory();
    file = `${directory}/config.yaml`;
  });

  function read(): string {
    return readFileSync(file, 'utf8');
  }

  it('makes the file and its folder, for everybody to read', async () => {
    const umask = process.umask(0o077);
    try {
      file = `${directory}/etc/deep/config.yaml`;
      await writeSetting(file, 'methods', ['lxc-attach', 'pct']);
    } finally {
      process.umask(umask);
    }
    expect(read()).to.equal('methods: [lxc-attach, pct]\n');
    expect(statSync(file).mode & 0o777).to.equal(0o644);
    expect(readdirSync(`${directory}/etc/deep`)).to.deep.equal(['config.yaml']);
  });

  it('leaves the others, and the file’s mode and owner', async () => {
    writeFileSync(file, '# kept\nstop: {timeout: 5s}\n');
    chmodSync(file, 0o600);
    chownSync(file, 0, NOBODY);
    await writeSetting(file, 'exec.timeout', '1m');
    await writeSetting(file, 'exec.timeout', '2m');
    expect(read()).to.equal('# kept\nstop: {timeout: 5s}\nexec:\n  timeout: 2m\n');
    const { mode, uid, gid } = statSync(file);
    expect([mode & 0o777, uid, gid]).to.deep.equal([0o600, 0, NOBODY]);
  });

  it('leaves a symlink one', async () => {
    writeFileSync(`${directory}/real`, 'stop: {}\n', { mode: 0o644 });
    symlinkSync('real', file);
    await writeSetting(file, 'methods', ['pct']);
    expect(lstatSync(file).isSymbolicLink()).to.equal(true);
    expect(readFileSync(`${directory}/real`, 'utf8')).to.include('methods: [pct]');
  });

  it('is a new file in the place of the old one, which is never half written', async () => {
    writeFileSync(file, 'stop: {}\n', { mode: 0o644 });
    const before = statSync(file).ino;
    await writeSetting(file, 'methods', ['pct']);
    expect(statSync(file).ino).not.to.equal(before);
    expect(readdirSync(directory)).to.deep.equal(['config.yaml']);
  });

  it('does not touch a file that is wrong, or could be somebody else’s', async () => {
    for (const text of ['methods: [ssh]\n', 'methods: [\n', '\xff']) {
      writeFileSync(file, text, { encoding: 'latin1', mode: 0o644 });
      await configErrorOf(() => writeSetting(file, 'methods', ['pct']));
      expect(readFileSync(file, 'latin1')).to.equal(text);
    }
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    await configErrorOf(() => writeSetting(file, 'methods', ['pct']));
    rmSync(file);
    mkdirSync(file);
    await configErrorOf(() => writeSetting(file, 'methods', ['pct']));
    expect(readdirSync(directory)).to.deep.equal(['config.yaml']);
  });

  it('is refused where it is no value of the key, and nothing is made', async () => {
    await configErrorOf(() => writeSetting(file, 'exec.timeout', 'soon'));
    await configErrorOf(() => writeSetting(file, 'cacheDirectory', '/x'));
    expect(existsSync(file)).to.equal(false);
  });

  it('leaves the old file, and nothing else, when there is no space or no way to write', async () => {
    const small = `${directory}/small`;
    mkdirSync(small);
    mustSync(['mount', '-t', 'tmpfs', '-o', 'size=8k,mode=755', 'tmpfs', small]);
    try {
      file = `${small}/config.yaml`;
      writeFileSync(file, 'stop: {}\n', { mode: 0o644 });
      // One page is left, and that is taken.
      writeFileSync(`${small}/full`, 'x'.repeat(4096));
      const { message, hint } = await configErrorOf(() => writeSetting(file, 'methods', ['pct']));
      expect(message).to.match(/^\/.*config\.yaml: it cannot be written \(ENOSPC/);
      expect(hint).to.include('space');
      expect([read(), readdirSync(small).toSorted()]).to.deep.equal(['stop: {}\n', ['config.yaml', 'full']]);
    } finally {
      mustSync(['umount', small]);
    }
    // Not below /proc: Node's recursive mkdir never ends there.
    writeFileSync(`${directory}/plain`, '');
    const below = await configErrorOf(() => writeSetting(`${directory}/plain/config.yaml`, 'methods', ['pct']));
    expect(below.message).to.include('cannot be written');
  });
});
