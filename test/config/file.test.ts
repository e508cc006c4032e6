import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import { readConfigFile } from '../../src/config/file.ts';
import { runModule } from '../cli/module.ts';
import { mustSync } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { configErrorOf } from './error.ts';

const NOBODY = 65_534;

describe('the file of a configuration', () => {
  let directory: string;
  let file: string;
  let cache: string;

  beforeEach(() => {
    directory = scratchDirectory();
    file = `${directory}/config.yaml`;
    cache = `${directory}/cache`;
    write('exec: {timeout: 5s}\n');
  });

  function write(text: string): void {
    writeFileSync(file, text);
    chmodSync(file, 0o644);
  }

  async function timeout(): Promise<unknown> {
    return (await readConfigFile(file, cache))?.get('exec.timeout')?.written;
  }

  async function refused(says: RegExp): Promise<void> {
    const { message, hint } = await configErrorOf(() => readConfigFile(file, cache));
    expect(message.startsWith(`${file}: `), message).to.equal(true);
    expect(`${message}; ${hint}`).to.match(says);
  }

  it('may be absent', async () => {
    for (const path of [`${directory}/other`, `${directory}/no/folder`, `${file}/below`])
      expect(await readConfigFile(path, cache), path).to.equal(undefined);
  });

  it('may be a symlink to one of ours', async () => {
    renameSync(file, `${directory}/real`);
    symlinkSync('real', file);
    expect(await timeout()).to.equal('5s');
  });

  it('is refused when others can write to it, with the command that mends it', async () => {
    for (const mode of [0o664, 0o646, 0o666]) {
      chmodSync(file, mode);
      await refused(/can be written by others; run: chmod go-w /);
    }
    mustSync(['/bin/sh', '-c', `chmod go-w ${file}`]);
    expect(await timeout()).to.equal('5s');
  });

  it('is refused when it belongs to somebody else, with the command that mends it', async () => {
    chownSync(file, NOBODY, 0);
    await refused(/belongs to the user with the id 65534; run: chown 0 /);
    mustSync(['/bin/sh', '-c', `chown 0 ${file}`]);
    expect(await timeout()).to.equal('5s');
  });

  it('is refused when it is no file, without waiting for a writer', async () => {
    rmSync(file);
    mkdirSync(file);
    await refused(/is a directory; put the configuration into a file/);
    rmSync(file, { recursive: true });
    mustSync(['mkfifo', '-m', '600', file]);
    await refused(/is not a file/);
    rmSync(file);
    symlinkSync('/dev/zero', file);
    await refused(/is not a file/);
    rmSync(file);
    symlinkSync('config.yaml', file);
    await refused(/cannot be read \(ELOOP/);
  });

  it('is refused when it is larger than 1 MiB', async () => {
    write(`#${'x'.repeat(1024 ** 2 - 2)}\n`);
    expect((await readConfigFile(file, cache))?.size).to.equal(0);
    write(`#${'x'.repeat(1024 ** 2 - 1)}\n`);
    await refused(/larger than 1 MiB/);
  });

  it('that its user may not read is told, one that he cannot reach is not there', () => {
    const read = (): string =>
      runModule(
        'config/file.ts',
        `process.seteuid(${NOBODY});
         await module.readConfigFile(${JSON.stringify(file)}, '/nonexistent').then(
           (entries) => console.log(entries === undefined ? 'absent' : entries.size),
           ({ code, message, hint }) => console.log(code, message, hint))`,
      ).stdout;
    // Only root enters the folder of a checkout in its home: the parser could not be loaded from there.
    chmodSync(file, 0o600);
    expect(read()).to.match(/^ConfigError .*cannot be read \(EACCES.* run this as root, or: chmod a\+r /);
    chmodSync(directory, 0o700);
    expect(read()).to.equal('absent\n');
  });

  describe('that was read', () => {
    /** Where it is kept; waits until the file is old enough for that. */
    async function kept(): Promise<string> {
      const found = await waitFor(
        async () => {
          await timeout();
          return readdirSync(cache).filter((name) => name.endsWith('.json'));
        },
        { what: 'what the file says to be kept' },
      );
      expect(found).to.have.length(1);
      return `${cache}/${found[0]}`;
    }

    /** Changes what is kept, so that it shows whether it is used. */
    function alter(place: string, from: string, to: string): void {
      const text = readFileSync(place, 'utf8');
      expect(text).to.include(from);
      writeFileSync(place, text.replace(from, to));
    }

    it('is kept for us alone, and read from there', async () => {
      const place = await kept();
      expect([statSync(place).mode & 0o777, statSync(cache).mode & 0o777]).to.deep.equal([0o600, 0o700]);
      expect(readdirSync(cache), 'nothing else').to.have.length(1);
      alter(place, '5s', '6s');
      expect(await timeout()).to.equal('6s');
    });

    it('is read again when it has changed', async () => {
      const place = await kept();
      alter(place, '5s', '6s');
      // The same length, and to the nanosecond the same time of the last change.
      mustSync(['touch', '-r', file, `${directory}/time`]);
      write('exec: {timeout: 7s}\n');
      mustSync(['touch', '-r', `${directory}/time`, file]);
      expect(await timeout()).to.equal('7s');
      write('exec: {timeout: 8s}\n');
      await kept();
      // Another file in its place.
      writeFileSync(`${file}.new`, 'exec: {timeout: 9s}\n', { mode: 0o644 });
      renameSync(`${file}.new`, file);
      expect(await timeout()).to.equal('9s');
      rmSync(file);
      expect(await timeout()).to.equal(undefined);
    });

    it('is not kept while it may still change unnoticed', async () => {
      await waitFor(
        async () => {
          cache = `${scratchDirectory()}/cache`;
          write('exec: {timeout: 1s}\n');
          await timeout();
          return Date.now() - statSync(file).ctimeMs < 900;
        },
        { what: 'the file to be read at once' },
      );
      expect(existsSync(cache)).to.equal(false);
    });

    it('is checked all the same', async () => {
      await kept();
      chmodSync(file, 0o666);
      await refused(/can be written by others/);
    });

    it('is read again when what is kept cannot be trusted or understood', async () => {
      const place = await kept();
      alter(place, '5s', '6s');
      const altered = readFileSync(place, 'utf8');
      const distrusted = async (what: string, spoil: () => void, mend: () => void): Promise<void> => {
        spoil();
        expect(await timeout(), what).to.equal('5s');
        mend();
        writeFileSync(place, altered, { mode: 0o600 });
        chmodSync(place, 0o600);
        expect(await timeout(), `${what}, mended`).to.equal('6s');
      };
      await distrusted(
        'of somebody else',
        () => chownSync(place, NOBODY, NOBODY),
        () => chownSync(place, 0, 0),
      );
      await distrusted(
        'readable by others',
        () => chmodSync(place, 0o644),
        () => {},
      );
      await distrusted(
        'in a folder of others',
        () => chmodSync(cache, 0o777),
        () => chmodSync(cache, 0o700),
      );
      await distrusted(
        'in a folder of somebody else',
        () => chownSync(cache, NOBODY, 0),
        () => chownSync(cache, 0, 0),
      );
      await distrusted(
        'no JSON',
        () => writeFileSync(place, '{'),
        () => {},
      );
      await distrusted(
        'empty',
        () => writeFileSync(place, ''),
        () => {},
      );
      await distrusted(
        'of another form',
        () => writeFileSync(place, altered.replace('"format":1', '"format":2')),
        () => {},
      );
      await distrusted(
        'an unknown key',
        () => writeFileSync(place, altered.replace('exec.timeout', 'exec.x')),
        () => {},
      );
      await distrusted(
        'a wrong value',
        () => writeFileSync(place, altered.replace('6s', 'soon')),
        () => {},
      );
      await distrusted(
        'a symlink',
        () => {
          renameSync(place, `${directory}/elsewhere`);
          symlinkSync(`${directory}/elsewhere`, place);
        },
        () => rmSync(place, { force: true }),
      );
    });

    it('is read where nothing can be kept', async () => {
      await waitFor(() => Date.now() - statSync(file).ctimeMs > 1100, { what: 'the file to be old enough' });
      for (const place of ['/proc/nothing', `${file}/below`, '/dev/null']) {
        cache = place;
        expect(await timeout(), place).to.equal('5s');
      }
      cache = directory;
      chmodSync(directory, 0o777);
      expect(await timeout()).to.equal('5s');
      expect(readdirSync(directory)).to.deep.equal(['config.yaml']);
    });
  });
});
