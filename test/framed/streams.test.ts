import { once } from 'node:events';

import { expect } from 'chai';

import { InputStream, OutputStream } from '../../src/framed/streams.ts';

describe('the input of a command over a terminal', () => {
  it('sends no more than is taken, and everything in order', async () => {
    const sent: Buffer[] = [];
    let ended = false;
    const input = new InputStream(
      4 / 3,
      (chunk) => sent.push(chunk),
      () => (ended = true),
    );
    const all = Buffer.alloc(200_000, 'abcdefg');
    input.end(all);
    let taken = 0;
    while (taken < sent.length) {
      const onTheWay = sent.slice(taken).reduce((sum, { length }) => sum + length, 0);
      // As base64 it has to fit into a pipe.
      expect((onTheWay * 4) / 3).to.be.lessThan(64 * 1024);
      taken += 1;
      input.taken();
    }
    await once(input, 'finish');
    expect(Buffer.concat(sent).equals(all)).to.equal(true);
    expect([ended, input.isWaiting]).to.deep.equal([true, false]);
  });

  it('takes what nobody reads any more, and sends none of it', async () => {
    const sent: Buffer[] = [];
    const input = new InputStream(
      4,
      (chunk) => sent.push(chunk),
      () => {},
    );
    input.on('error', () => {});
    input.write('a');
    input.close();
    input.write('b');
    await once(input, 'close');
    expect(sent.map(String)).to.deep.equal(['a']);
  });
});

describe('an output of a command over a terminal', () => {
  it('asks its writer to wait when nobody reads, and to go on', async () => {
    const asked: boolean[] = [];
    const output = new OutputStream(
      (paused) => asked.push(paused),
      () => {},
    );
    while (!output.isFull) output.receive(Buffer.alloc(64 * 1024));
    output.receive(Buffer.alloc(1024));
    expect(asked).to.deep.equal([true]);
    output.resume();
    await once(output, 'data');
    output.finish();
    await once(output, 'end');
    expect(asked[1]).to.equal(false);
    expect(output.isFull).to.equal(false);
  });

  it('tells that it is not wanted any more, unless it has ended', async () => {
    let unwanted = 0;
    const streams = [0, 1].map(
      () =>
        new OutputStream(
          () => {},
          () => (unwanted += 1),
        ),
    );
    streams[0]?.finish();
    for (const stream of streams) {
      stream.destroy();
      await once(stream, 'close');
    }
    expect(unwanted).to.equal(1);
  });
});
