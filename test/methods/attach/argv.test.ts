import { randomInt } from 'node:crypto';

import { expect } from 'chai';

import { spawnArguments } from '../../../src/methods/attach/argv.ts';
import type { Word } from '../../../src/model/request.ts';
import { run } from '../../support/run.ts';

const PRINTF = '/usr/bin/printf';

/** The words as a child process gets them. */
async function arrived(words: readonly Word[]): Promise<Buffer[]> {
  // With no words left printf would print its format once.
  const { file, args } = spawnArguments(PRINTF, ['%s\\0', 'first', ...words]);
  const { stdoutBytes, stderr, exitCode } = await run([file, ...args], { env: { LC_ALL: 'C.UTF-8' } });
  expect([stderr, exitCode]).to.deep.equal(['', 0]);
  const found: Buffer[] = [];
  for (let start = 0; start < stdoutBytes.length; ) {
    const end = stdoutBytes.indexOf(0, start);
    found.push(stdoutBytes.subarray(start, end));
    start = end + 1;
  }
  return found.slice(1);
}

async function expectArrival(words: readonly Word[]): Promise<void> {
  const hex = (word: Word): string => Buffer.from(word as string).toString('hex');
  expect((await arrived(words)).map(hex)).to.deep.equal(words.map(hex));
}

function randomWord(): Word {
  const special = [
    "'",
    '"',
    '\\',
    '$',
    '`',
    '\n',
    ' ',
    '*',
    '%',
    '!',
    '-',
    '=',
    '~',
    '#',
    '\\0',
    '\\n',
    '%s',
    '${1}',
    '$(id)',
  ];
  const bytes = Buffer.concat(
    Array.from({ length: randomInt(12) }, () =>
      randomInt(2) === 0 ? Buffer.of(1 + randomInt(255)) : Buffer.from(special[randomInt(special.length)] ?? ''),
    ),
  );
  const word = randomInt(3) === 0 ? Buffer.concat([bytes, Buffer.from('\n\n')]) : bytes;
  return randomInt(3) === 0 ? word.toString('utf8').replaceAll('\uFFFD', '?') : word;
}

describe('words spawned as they are', () => {
  it('go straight to the program where all are text', () => {
    expect(spawnArguments('/bin/x', ['a', '', '$HOME'])).to.deep.equal({ file: '/bin/x', args: ['a', '', '$HOME'] });
  });

  it('arrive byte for byte: every byte there is', async () => {
    await expectArrival(Array.from({ length: 255 }, (_, index) => Buffer.of(index + 1)));
    await expectArrival([Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1))]);
  });

  it('arrive byte for byte: what a shell would change', async () => {
    await expectArrival([
      Buffer.of(0xff),
      '',
      Buffer.alloc(0),
      Buffer.from('\n'),
      Buffer.from('a\n\n'),
      Buffer.from('x'),
      Buffer.from('\\101\\n%d'),
      '-n',
      "it's",
      '$(id)`id`${HOME}',
      '*',
      '\u{1F600}',
      Buffer.from('$1 $plx_0'),
    ]);
  });

  it('arrive byte for byte: many words, text and bytes mixed', async () => {
    await expectArrival(
      Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? `text ${index}` : Buffer.of(0x80 + index, 10))),
    );
  });

  it('arrive byte for byte: a word of 20 KiB', async () => {
    await expectArrival([Buffer.alloc(20 * 1024, 0xfe), 'end']);
  });

  it('arrive byte for byte: random ones', async () => {
    for (let round = 0; round < 60; round++) await expectArrival(Array.from({ length: 1 + randomInt(8) }, randomWord));
  });

  it('come from the program itself, not from a shell around it', async () => {
    const { file, args } = spawnArguments('/bin/sh', ['-c', 'echo $PPID; exit 7', Buffer.of(0xff)]);
    const { exitCode, stdout } = await run([file, ...args]);
    expect([exitCode, stdout]).to.deep.equal([7, `${process.pid}\n`]);
  });
});
