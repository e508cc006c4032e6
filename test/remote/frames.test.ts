/** The frames that travel between us and our program on a node. */
import { expect } from 'chai';

import { FrameReader, frameHeader, packList, unpackList } from '../../src/remote/frames.ts';

describe('frames', () => {
  const payloads = [Buffer.from('a'), Buffer.alloc(0), Buffer.from([0, 1, 255, 10])];
  const bytes = Buffer.concat(
    payloads.flatMap((payload, index) => [frameHeader('D', 70_000 + index, index, payload.length), payload]),
  );

  for (const step of [1, 2, 9, 10, 11, 1000]) {
    it(`are found in chunks of ${step} bytes`, () => {
      const reader = new FrameReader();
      const frames = [];
      for (let at = 0; at < bytes.length; at += step) frames.push(...reader.read(bytes.subarray(at, at + step)));
      expect(frames.map(({ type, id, stream, payload }) => [type, id, stream, payload.toString('hex')])).to.deep.equal(
        payloads.map((payload, index) => ['D', 70_000 + index, index, payload.toString('hex')]),
      );
    });
  }

  it('of a length that none of ours has are refused', () => {
    expect(() => [...new FrameReader().read(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))]).to.throw(/not understood/);
  });

  it('are taken only with their seal, where there is one', () => {
    const seal = Buffer.from('secret');
    const frame = Buffer.concat([frameHeader('D', 7, 1, 4), seal, Buffer.from('data'), seal]);
    const read = (given: Buffer): string[] =>
      [...new FrameReader(seal).read(given)].map(({ payload }) => payload.toString());
    expect(read(Buffer.concat([frame, frame]))).to.deep.equal(['data', 'data']);
    expect(read(frame.subarray(0, -1))).to.deep.equal([]);
    // Wherever it is put in, it is noticed with the frame, and no more has to come.
    for (let at = 0; at < frame.length; at++) {
      const disturbed = Buffer.concat([frame.subarray(0, at), Buffer.from('\r\nwall\r\n'), frame.subarray(at)]);
      expect(() => read(disturbed), `at ${at}`).to.throw(/something else|not understood/);
    }
  });

  it('hold lists of any words, empty ones too', () => {
    const words = ['', 'a b', '\n', 'ü€', '0'];
    expect(unpackList(packList(words))).to.deep.equal(words);
    expect(unpackList(packList([]))).to.deep.equal([]);
  });
});
