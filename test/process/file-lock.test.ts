import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { findExecutable } from '../../src/process/executable.ts';
import { FileLock } from '../../src/process/file-lock.ts';
import { startModule } from '../cli/module.ts';
import { isRunning } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

describe('a lock on a file', () => {
  const children = newChildren();
  let path: string;
  let locks: FileLock[];

  beforeEach(() => {
    path = join(scratchDirectory(), 'locks', 'a.lock');
    locks = [];
  });

  afterEach(() => {
    for (const lock of locks) lock.close();
    children.endAll();
  });

  function open(): FileLock {
    const lock = new FileLock(path);
    locks.push(lock);
    return lock;
  }

  function close(lock: FileLock): void {
    locks.splice(locks.indexOf(lock), 1);
    lock.close();
  }

  /** What flock(1), as any other program, finds. */
  function isFree(): boolean {
    return spawnSync('flock', ['--nonblock', path, 'true']).status === 0;
  }

  /** The flock(1) processes that work on the file. */
  function flockPids(): number[] {
    return pidsThatHold(path).filter((pid) => commandOf(pid) === 'flock');
  }

  /** The processes that have the file as their descriptor 3. */
  function pidsThatHold(file: string): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && isRunning(pid) && thirdOf(pid) === file);
  }

  function thirdOf(pid: number): string | undefined {
    try {
      return readlinkSync(`/proc/${pid}/fd/3`);
    } catch {
      return undefined;
    }
  }

  function commandOf(pid: number): string {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    } catch {
      return '';
    }
  }

  it('is had by one at a time, and free for the next when it is given back', async () => {
    const [one, other] = [open(), open()];
    expect(await one.tryTake()).to.equal(true);
    expect([await other.tryTake(), isFree()]).to.deep.equal([false, false]);
    close(one);
    expect(await other.tryTake()).to.equal(true);
    expect(isFree()).to.equal(false);
  });

  it('is waited for', async () => {
    const [one, other] = [open(), open()];
    await one.tryTake();
    let taken: boolean | undefined;
    const waiting = other.take(new AbortController().signal).then((result) => (taken = result));
    await waitFor(() => flockPids().length === 1, { what: 'flock to wait' });
    expect(taken).to.equal(undefined);
    close(one);
    expect(await waiting).to.equal(true);
    expect(isFree()).to.equal(false);
  });

  it('is not waited for any longer after an abort, and nothing is left of the wait', async () => {
    const [one, other] = [open(), open()];
    await one.tryTake();
    const abort = new AbortController();
    const waiting = other.take(abort.signal);
    await waitFor(() => flockPids().length === 1, { what: 'flock to wait' });
    abort.abort();
    expect(await waiting).to.equal(false);
    expect(flockPids()).to.deep.equal([]);
    expect(await other.take(abort.signal), 'with a signal that was aborted before').to.equal(false);
  });

  it('leaves nothing that waits when the one who waited is killed', async () => {
    await open().tryTake();
    const code = `const lock = new module.FileLock(${JSON.stringify(path)}); await lock.take(new AbortController().signal);`;
    const child = startModule('process/file-lock.ts', code);
    try {
      await waitFor(() => flockPids().length === 1, { what: 'flock to wait' });
    } finally {
      child.kill('SIGKILL');
    }
    await waitFor(() => flockPids().length === 0, { what: 'flock to be gone' });
  });

  it('leaves nothing that waits when the one who waited is killed before the kernel knows of it', async () => {
    await open().tryTake();
    const ours = pidsThatHold(path);
    const slow = scratchDirectory();
    const begun = join(slow, 'begun');
    const setpriv = findExecutable('setpriv') ?? '';
    const script = `#!/bin/sh\n: >${begun}\nwhile kill -0 $PPID 2>/dev/null; do sleep 0.02; done\nexec ${setpriv} "$@"\n`;
    writeFileSync(join(slow, 'setpriv'), script, { mode: 0o755 });
    const code = `
      const lock = new module.FileLock(${JSON.stringify(path)});
      await lock.take(new AbortController().signal);`;
    const env = { ...process.env, PATH: `${slow}:${process.env['PATH'] ?? ''}` };
    const child = startModule('process/file-lock.ts', code, { env });
    await waitFor(() => existsSync(begun), { what: 'setpriv to begin' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const left = (): number[] => pidsThatHold(path).filter((pid) => !ours.includes(pid));
    await waitFor(() => left().length === 0, { what: 'all that waits to be gone' });
  });

  it('is free when its holder was killed, and was not inherited by what it had started', async () => {
    const code = `
      const { spawn } = await import('node:child_process');
      const lock = new module.FileLock(${JSON.stringify(path)});
      if (!(await lock.tryTake())) throw new Error('not taken');
      const { pid } = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
      process.stdout.write(String(pid));
      setInterval(() => {}, 1000);`;
    const child = startModule('process/file-lock.ts', code);
    if (child.stdout === null) throw new Error('no output');
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    const sleeper = Number(chunk.toString());
    try {
      expect(isFree()).to.equal(false);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await waitFor(isFree, { what: 'the lock to be free' });
      expect(isRunning(sleeper)).to.equal(true);
    } finally {
      child.kill('SIGKILL');
      process.kill(sleeper, 'SIGKILL');
    }
  });

  it('is still held by whom its descriptor was handed to', async () => {
    const lock = open();
    await lock.tryTake();
    const holder = children.start('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    close(lock);
    expect(isFree()).to.equal(false);
    holder.kill('SIGKILL');
    await waitFor(isFree, { what: 'the lock to be free' });
  });

  it('is that of the file that others find, also when somebody removed or replaced it', async () => {
    const lock = open();
    rmSync(path);
    expect(await lock.tryTake()).to.equal(true);
    expect(isFree()).to.equal(false);
    close(lock);
    const other = open();
    writeFileSync(`${path}.new`, '');
    renameSync(`${path}.new`, path);
    expect(await other.take(new AbortController().signal)).to.equal(true);
    expect(isFree()).to.equal(false);
  });

  it('is made anew where somebody removed its folder', async () => {
    const lock = open();
    rmSync(join(path, '..'), { recursive: true });
    expect(await lock.tryTake()).to.equal(true);
    expect(isFree()).to.equal(false);
  });

  it('is in a file and folder that only we can open, and no symbolic link is followed to it', () => {
    close(open());
    expect(lstatSync(path).mode & 0o777).to.equal(0o600);
    expect(lstatSync(join(path, '..')).mode & 0o777).to.equal(0o700);
    rmSync(path);
    writeFileSync(`${path}.target`, 'precious');
    symlinkSync(`${path}.target`, path);
    expect(open).to.throw(/ELOOP/);
    expect(readFileSync(`${path}.target`, 'utf8')).to.equal('precious');
  });

  it('tells what its holder wrote, and nothing once it was given back', async () => {
    const [one, other] = [open(), open()];
    await one.tryTake();
    one.write('a longer note');
    one.write('a note');
    expect(other.read()).to.equal('a note');
    close(one);
    expect(other.read()).to.equal('');
    close(other);
    expect(readFileSync(path, 'utf8')).to.equal('');
  });

  it('is left alone by who did not get it', async () => {
    const [one, other] = [open(), open()];
    await one.tryTake();
    one.write('a note');
    await other.tryTake();
    close(other);
    expect(one.read()).to.equal('a note');
    expect(isFree()).to.equal(false);
  });

  it('cannot be made where there is a folder', () => {
    mkdirSync(path, { recursive: true });
    expect(open).to.throw(/EISDIR/);
  });
});
