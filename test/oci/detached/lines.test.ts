import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { eachLine } from '../../../src/oci/detached/lines.ts';

describe('the lines of a stream', () => {
  async function linesOf(chunks: readonly (string | Buffer)[], maxBytes = 1000): Promise<string[]> {
    const stream = new PassThrough();
    const lines: string[] = [];
    const closed = eachLine(stream, maxBytes, (line) => lines.push(line));
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    await closed;
    return lines;
  }

  it('are put together from whatever pieces come, characters cut in two among them', async () => {
    const euro = Buffer.from('€');
    expect(await linesOf(['a', 'b\nc\n\n', euro.subarray(0, 1), euro.subarray(1), '\n'])).to.deep.equal([
      'ab',
      'c',
      '',
      '€',
    ]);
  });

  it('end with a newline: what was interrupted is none', async () => {
    expect(await linesOf(['whole\npart'])).to.deep.equal(['whole']);
  });

  it('have a limit', async () => {
    expect(await linesOf(['ok\n', 'x'.repeat(11), '\nlate\n'], 10)).to.deep.equal(['ok']);
  });

  it('end with an error of the stream', async () => {
    const stream = new PassThrough();
    const closed = eachLine(stream, 10, () => {});
    stream.destroy(new Error('gone'));
    await closed;
  });
});
