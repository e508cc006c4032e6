import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { runLocked } from '../../src/cli/exec-lock.ts';
import type { LockWords, LockedCall } from '../../src/cli/exec-lock.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import type { LxcriError } from '../../src/model/errors.ts';
import { FileLock } from '../../src/process/file-lock.ts';
import { newChildren } from '../process/children.ts';
import { scratchDirectory } from '../support/scratch.ts';

const CALL: LockedCall = { container: 'web', command: ['true'], json: false, verbose: false };

describe('a run with a lock', () => {
  const children = newChildren();
  let directory: string;
  let ran: number[];

  beforeEach(() => {
    directory = scratchDirectory();
    ran = [];
  });

  afterEach(() => children.endAll());

  function locked(words: Partial<LockWords>, call = CALL): Promise<number> {
    const run = (guard: number): Promise<number> => {
      ran.push(guard);
      return Promise.resolve(42);
    };
    return runLocked({ name: undefined, ifLocked: undefined, timeout: undefined, ...words }, call, run, directory);
  }

  async function errorOf(words: Partial<LockWords>): Promise<LxcriError> {
    const error: unknown = await locked(words).then(
      () => new Error('no error'),
      (thrown: unknown) => thrown,
    );
    if (!isLxcriError(error)) throw error;
    return error;
  }

  /** A foreign holder of a lock, for as long as the test runs. */
  async function hold(name: string, note = ''): Promise<FileLock> {
    const lock = new FileLock(join(directory, `${name}.lock`));
    expect(await lock.tryTake()).to.equal(true);
    lock.write(note);
    return lock;
  }

  it('gives its exit code back, and has the lock meanwhile', async () => {
    const holds = async (): Promise<boolean> => {
      const other = new FileLock(join(directory, 'a.lock'));
      const free = await other.tryTake();
      other.close();
      return !free;
    };
    let meanwhile = false;
    const words = { name: 'a', ifLocked: undefined, timeout: undefined };
    const run = async (): Promise<number> => {
      meanwhile = await holds();
      return 42;
    };
    expect(await runLocked(words, CALL, run, directory)).to.equal(42);
    expect([meanwhile, await holds()]).to.deep.equal([true, false]);
  });

  it('gives the lock back also when it fails', async () => {
    const words = { name: 'a', ifLocked: undefined, timeout: undefined };
    const failing = runLocked(words, CALL, () => Promise.reject(new Error('broken')), directory);
    expect(await failing.catch((error: unknown) => (error as Error).message)).to.equal('broken');
    expect(await locked({ name: 'a', ifLocked: 'fail' })).to.equal(42);
  });

  it('says in the lock’s file who it is: its process, since when, and the container; nothing of the command', async () => {
    let text = '';
    const run = (): Promise<number> => {
      text = readFileSync(join(directory, 'a.lock'), 'utf8');
      return Promise.resolve(0);
    };
    const call = { ...CALL, command: ['mysql', '-psecret'] };
    await runLocked({ name: 'a', ifLocked: undefined, timeout: undefined }, call, run, directory);
    const found = JSON.parse(text) as Record<string, unknown>;
    expect(found).to.have.all.keys('pid', 'startTime', 'since', 'container');
    expect(found).to.include({ pid: process.pid, container: 'web' });
    expect(found['since']).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('is not hindered by other locks', async () => {
    const lock = await hold('a');
    expect(await locked({ name: 'b', ifLocked: 'fail' })).to.equal(42);
    lock.close();
  });

  it('waits by default', async () => {
    const lock = await hold('a');
    const waiting = locked({ name: 'a' });
    const first = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
    expect([first, ran.length]).to.deep.equal(['waits', 0]);
    lock.close();
    expect([await waiting, ran.length]).to.deep.equal([42, 1]);
  });

  it('is given up after --lock-timeout', async () => {
    const lock = await hold('a');
    const error = await errorOf({ name: 'a', timeout: '200ms' });
    expect([error.code, error.exitCode, ran.length]).to.deep.equal(['LockHeld', 125, 0]);
    expect(error.message).to.equal('lock a was held for longer than 200ms by another program');
    lock.close();
  });

  it('is skipped with exit code 0, or fails, by choice', async () => {
    const lock = await hold('a');
    expect(await locked({ name: 'a', ifLocked: 'skip' })).to.equal(0);
    const error = await errorOf({ name: 'a', ifLocked: 'fail' });
    expect([error.code, error.exitCode, ran.length]).to.deep.equal(['LockHeld', 125, 0]);
    expect(error.hint).to.include('--if-locked');
    lock.close();
  });

  describe('names the holder as', () => {
    const since = '2026-11-21T12:00:00Z';

    async function holderIn(note: string): Promise<string> {
      const lock = await hold('a', note);
      const { message } = await errorOf({ name: 'a', ifLocked: 'fail' });
      lock.close();
      return message;
    }

    it('the process that holds it', async () => {
      let message = '';
      const words = { name: 'a', ifLocked: undefined, timeout: undefined };
      const run = async (): Promise<number> => {
        message = (await errorOf({ name: 'a', ifLocked: 'fail' })).message;
        return 0;
      };
      await runLocked(words, CALL, run, directory);
      expect(message).to.match(
        new RegExp(`^lock a was held by process ${process.pid} \\(container web, since 20[\\dT:-]+Z\\)$`),
      );
    });

    it('what is left of a process that was killed, also when its number is another’s now', async () => {
      const child = children.start('true', []);
      await once(child, 'exit');
      const left = (pid: number): string =>
        `lock a was held by what is left of process ${pid} (container web, since ${since}), which was killed`;
      for (const pid of [child.pid, process.pid]) {
        // oxlint-disable-next-line no-await-in-loop
        const message = await holderIn(JSON.stringify({ pid, startTime: 1, since, container: 'web' }));
        expect(message).to.equal(left(pid));
      }
    });

    it('another program, where the file does not tell', async () => {
      for (const note of ['', 'text', 'null', '{"pid":']) {
        // oxlint-disable-next-line no-await-in-loop
        expect(await holderIn(note), note).to.equal('lock a was held by another program');
      }
    });
  });

  it('says what is wrong with its words', async () => {
    const wrong: [Partial<LockWords>, RegExp][] = [
      [{ ifLocked: 'skip' }, /--if-locked without a lock/],
      [{ timeout: '3s' }, /--lock-timeout without a lock/],
      [{ name: 'a', ifLocked: 'maybe' }, /--if-locked: "maybe"/],
      [{ name: 'a', ifLocked: 'skip', timeout: '3s' }, /--if-locked skip does not/],
      [{ name: 'a', timeout: 'soon' }, /--lock-timeout: "soon" is not a duration/],
      ...['', '.', '..', '../a', 'a/b', '-a', '.a', 'a b', 'ä', 'a\n', 'x'.repeat(201)].map(
        (name): [Partial<LockWords>, RegExp] => [{ name }, /--lock: ".*" cannot be the name of a lock/s],
      ),
    ];
    for (const [words, message] of wrong) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await errorOf(words);
      expect([error.code, error.exitCode], JSON.stringify(words)).to.deep.equal(['UsageError', 125]);
      expect(error.message).to.match(message);
    }
    expect(ran).to.deep.equal([]);
    expect(await locked({ name: 'x'.repeat(200) })).to.equal(42);
    expect(await locked({ name: '_a.B-9', ifLocked: 'wait', timeout: '1s' })).to.equal(42);
  });

  it('says that no lock can be made', async () => {
    rmSync(directory, { recursive: true });
    writeFileSync(directory, '');
    const error = await errorOf({ name: 'a' });
    expect([error.code, error.exitCode]).to.deep.equal(['PlatformUnreachable', 125]);
    expect(error.message).to.match(/^the lock \/.*\/a\.lock cannot be made: (ENOTDIR|EEXIST)/);
    expect(ran).to.deep.equal([]);
    rmSync(directory);
  });
});
