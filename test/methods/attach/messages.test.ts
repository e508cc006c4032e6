import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { readMessages } from '../../../src/methods/attach/messages.ts';

/** The lines that come of these chunks. */
async function linesOf(...chunks: (string | Buffer)[]): Promise<string[]> {
  const channel = new PassThrough();
  const lines: string[] = [];
  const ended = readMessages(channel, (line) => lines.push(line));
  for (const chunk of chunks) channel.write(chunk);
  channel.end();
  await ended;
  return lines;
}

describe('messages from the container', () => {
  it('are lines, however they come', async () => {
    expect(await linesOf('started\n')).to.deep.equal(['started']);
    expect(await linesOf('uid=', '0\ngi', 'd=1\n', '\n')).to.deep.equal(['uid=0', 'gid=1', '']);
    expect(await linesOf()).to.deep.equal([]);
  });

  it('are not there until their line is complete', async () => {
    expect(await linesOf('started')).to.deep.equal([]);
    expect(await linesOf('a\nstart', 'ed')).to.deep.equal(['a']);
  });

  it('are read while they come', async () => {
    const channel = new PassThrough();
    const first = new Promise((resolve) => void readMessages(channel, resolve));
    channel.write('started\nmore');
    expect(await first).to.equal('started');
    channel.destroy();
  });

  it('may hold characters that come in two chunks', async () => {
    expect(await linesOf('home=/é', Buffer.from([0xc3]), Buffer.from([0xa9, 0x0a]))).to.deep.equal(['home=/éé']);
  });

  it('are no longer read when there are more than any script sends', async () => {
    const channel = new PassThrough();
    const lines: string[] = [];
    const ended = readMessages(channel, (line) => lines.push(line));
    channel.write(`${'x'.repeat(10_000)}\n`);
    channel.write('y'.repeat(10_000));
    await ended;
    expect(channel.destroyed).to.equal(true);
    expect(lines).to.deep.equal(['x'.repeat(10_000), '']);
  });

  it('end with a channel that breaks', async () => {
    const channel = new PassThrough();
    const ended = readMessages(channel, () => {});
    channel.destroy(new Error('reset'));
    await ended;
  });
});
