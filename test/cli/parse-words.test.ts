import { expect } from 'chai';

import type { FlagSpec } from '../../src/cli/flags.ts';
import { UnknownFlagError, parseWords } from '../../src/cli/parse-words.ts';
import type { Grammar } from '../../src/cli/parse-words.ts';
import type { Word } from '../../src/model/request.ts';
import { usageErrorOf } from './values/usage-error.ts';

type Name = 'loud' | 'size';

const FLAGS: readonly (FlagSpec & { name: Name })[] = [
  { name: 'loud', char: 'l', summary: '' },
  { name: 'size', char: 's', aliases: ['big'], value: 'SIZE', summary: '' },
];

function grammar(operands: readonly string[], commandFollows: boolean): Grammar<Name> {
  return { verb: 'sing', usage: 'usage: sing', flags: FLAGS, operands, commandFollows };
}

/** Both kinds of verbs, with no, one and two operands. */
const FOLLOWING = grammar(['song', 'key'], true);
const BEHIND_DASHES = grammar(['song', 'key'], false);

describe('the words of a verb that ends in a command', () => {
  it('are operands, as many as it has, then the command', () => {
    for (const [words, operands, command] of [
      [
        ['a', 'b', 'c', 'd'],
        ['a', 'b'],
        ['c', 'd'],
      ],
      [['a', '--', 'c', 'd'], ['a'], ['c', 'd']],
      [['--', 'a', 'b', 'c'], [], ['a', 'b', 'c']],
      [
        ['a', '-l', 'b', '-s', '1', 'c', '-l'],
        ['a', 'b'],
        ['c', '-l'],
      ],
    ] as const) {
      expect(parseWords(words, FOLLOWING), words.join(' ')).to.deep.include({ operands, command });
    }
    expect(parseWords(['c', 'd'], grammar([], true))).to.deep.include({ operands: [], command: ['c', 'd'] });
  });

  it('are the command only behind "--" where the verb wants it so', () => {
    expect(parseWords(['a', '-l', 'b', '--', 'c', '--', '-l'], BEHIND_DASHES)).to.deep.equal({
      operands: ['a', 'b'],
      command: ['c', '--', '-l'],
      flags: new Map([['loud', ['']]]),
    });
    expect(parseWords(['a', 'b'], BEHIND_DASHES)).to.deep.include({ operands: ['a', 'b'], command: [] });
    const { message, hint } = usageErrorOf(() => parseWords(['a', 'b', 'c\u001b', '--', 'd'], BEHIND_DASHES));
    expect(message).to.include('"c\\u001b"');
    expect(hint).to.include('write "--" before the command').and.to.include('usage: sing');
  });

  it('may be bytes in the command, and nowhere else', () => {
    const bytes: Word = Buffer.of(0xff);
    expect(parseWords(['a', 'b', bytes], FOLLOWING).command).to.deep.equal([bytes]);
    expect(parseWords(['--', bytes], BEHIND_DASHES).command).to.deep.equal([bytes]);
    expect(usageErrorOf(() => parseWords(['a', bytes], FOLLOWING)).message).to.include('key is not valid UTF-8');
    expect(usageErrorOf(() => parseWords(['a', 'b', bytes], BEHIND_DASHES)).message).to.include('one word too many');
    expect(usageErrorOf(() => parseWords(['--size', bytes], FOLLOWING)).message).to.include('--size is not valid');
  });

  it('have the verb and its flags in errors', () => {
    const error = usageErrorOf(() => parseWords(['--sise', '1'], BEHIND_DASHES));
    expect(error).to.be.an.instanceOf(UnknownFlagError);
    expect((error as UnknownFlagError).known).to.deep.equal(['loud', 'size', 'big']);
    expect(error.hint).to.include('proxmox-lxcri sing --help').and.not.to.include('the container or');
    expect(usageErrorOf(() => parseWords(['-x'], FOLLOWING)).hint).to.include('the container or');
    expect(usageErrorOf(() => parseWords(['-s'], FOLLOWING))).to.deep.include({
      message: '-s needs a value: SIZE',
      hint: 'usage: sing',
    });
  });
});
