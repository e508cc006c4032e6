import { expect } from 'chai';

import { DisturbedError, FrameReader, digestOf } from '../../src/framed/frame-reader.ts';
import type { HelperFrame } from '../../src/framed/frame-reader.ts';

const TAG = '0badcafe';
const KEY = '00112233445566778899aabbccddeeff';

function line(command: number, writer: string, number: number, kind: string, payload = '', key = KEY): string {
  const text = `${TAG} ${command} ${writer} ${number} ${kind} ${payload}`;
  return `${text} ${digestOf(key, text)}\n`;
}

function read(...chunks: string[]): HelperFrame[] {
  const reader = new FrameReader(TAG, KEY);
  return chunks.flatMap((chunk) => [...reader.read(Buffer.from(chunk, 'latin1'))]);
}

describe('the reader of what the helper says', () => {
  const hello = line(0, 'R', 0, 'H', '0 0 1 1');

  it('gives each line once it is whole, whatever pieces it comes in', () => {
    const both = hello + line(1, 'O', 0, 'D', 'aGVsbG8=');
    const expected = [
      { command: 0, writer: 'R', kind: 'H', payload: '0 0 1 1' },
      { command: 1, writer: 'O', kind: 'D', payload: 'aGVsbG8=' },
    ];
    expect(read(both)).to.deep.equal(expected);
    expect(read(...both.split(''))).to.deep.equal(expected);
    expect(read(hello.slice(0, -1))).to.deep.equal([]);
  });

  it('takes the line ends that terminals further out make', () => {
    expect(read(hello.replace('\n', '\r\n'))).to.have.lengthOf(1);
    expect(read(hello.replace('\n', '\r\r\n'))).to.have.lengthOf(1);
  });

  it('counts the lines of each writer of each command by itself', () => {
    const lines = [
      line(1, 'O', 0, 'D', 'AA=='),
      line(1, 'E', 0, 'D', 'AA=='),
      line(1, 'O', 1, '.'),
      line(2, 'O', 0, '.'),
    ];
    expect(read(lines.join(''))).to.have.lengthOf(4);
  });

  for (const [what, stream] of [
    ['that is not of the session', 'Broadcast message\n'],
    ['that begins as none of ours can', 'B'],
    ['whose payload was changed', hello.replace('H 0 0 1 1', 'H 0 0 1 0')],
    ['that has more on it', hello.replace('\n', ' \n')],
    ['with another key', line(0, 'R', 0, 'H', '0 0 1 1', 'another')],
    ['between two others', `${hello}\n${line(0, 'R', 1, '.')}`],
    ['that came before', hello + hello],
    ['before which one is missing', line(0, 'R', 1, 'H', '0 0 1 1')],
    ['that never ends', `${TAG} 1 O 0 D ${'A'.repeat(70_000)}`],
  ] as const) {
    it(`refuses a line ${what}`, () => {
      expect(() => read(stream)).to.throw(DisturbedError);
    });
  }
});
