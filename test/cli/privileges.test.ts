import { expect } from 'chai';

import { requireRoot } from '../../src/cli/privileges.ts';
import { LxcriError } from '../../src/model/errors.ts';
import type { Word } from '../../src/model/request.ts';
import { run } from '../support/run.ts';

const NOBODY = 65_534;

/** What a caller who is not root is told. */
function refusal(...words: Word[]): LxcriError {
  process.seteuid?.(NOBODY);
  try {
    requireRoot(words);
  } catch (error) {
    if (error instanceof LxcriError) return error;
    throw error;
  } finally {
    process.seteuid?.(0);
  }
  throw new Error('not refused');
}

describe('a caller who is not root', () => {
  it('gets the command that works, which says the same when it is typed', async () => {
    const words = ['exec', 'web', '--', 'printf', '%s|', 'a b', "it's", '$HOME', '*', '', 'é', 'a\nb', '-n'];
    const { code, hint } = refusal(...words);
    expect(code).to.equal('PermissionDenied');
    const line = hint?.replace('run: sudo proxmox-lxcri ', '') ?? '';
    const { stdout } = await run(['/bin/sh', '-c', `printf '%s\\0' ${line}`]);
    expect(stdout.split('\0').slice(0, -1)).to.deep.equal(words);
  });

  it('does not see the values of variables again', () => {
    for (const words of [
      ['-e', 'KEY=secret'],
      ['-eKEY=secret'],
      ['--env=KEY=secret'],
      ['--env', 'KEY=secret'],
      ['--env', 'KEY=sec\nret secret'],
      ['-e', "KEY='secret'"],
    ]) {
      const { hint } = refusal('exec', ...words, 'web', 'true');
      expect(hint, words.join(' ')).not.to.include('ret');
      expect(hint).to.include('KEY=...');
    }
  });

  it('does not see them in a cluster either, nor after "-e="', () => {
    for (const words of [
      ['-ieKEY=secret'],
      ['-qteKEY=secret'],
      ['-e=KEY=secret'],
      ['-e', 'a;b=secret'],
      ['-qe', 'é=secret'],
      ['-ea.b=secret'],
      ['--env=a-b=secret'],
      ['--env', 'a b=secret'],
    ]) {
      expect(refusal('exec', ...words, 'web', 'true').hint, words.join(' ')).not.to.include('secret');
    }
  });

  it('sees words again that only look like variables, where there are none', () => {
    process.seteuid?.(NOBODY);
    try {
      expect(() => requireRoot(['ps', '-f', 'status=running'], false))
        .to.throw(LxcriError)
        .with.property('hint', 'run: sudo proxmox-lxcri ps -f status=running');
    } finally {
      process.seteuid?.(0);
    }
  });

  it('sees bytes that are not UTF-8 as U+FFFD', () => {
    expect(refusal('exec', 'web', Buffer.from([0x61, 0xff])).hint).to.equal(
      "run: sudo proxmox-lxcri exec web 'a\uFFFD'",
    );
  });
});

describe('root', () => {
  it('passes', () => {
    requireRoot(['exec', 'web']);
  });
});
