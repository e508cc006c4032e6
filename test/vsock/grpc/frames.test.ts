import { expect } from 'chai';

import { BrokenFrameError, FrameReader, MAX_MESSAGE_BYTES, frameOf, wholeOf } from '../../../src/vsock/grpc/frames.ts';

const MESSAGES = ['', 'a', 'hello', 'x'.repeat(70_000), ''].map((text) => Buffer.from(text));
const WHOLE = Buffer.concat(MESSAGES.map((message) => frameOf(message)));

function read(reader: FrameReader, chunk: Buffer): string[] {
  return [...reader.read(chunk)].map((pieces) => wholeOf(pieces).toString());
}

describe('messages of gRPC', () => {
  for (const size of [1, 2, 3, 4, 5, 6, 7, 100, 16_384, WHOLE.length])
    it(`are read whole, in pieces of ${size} bytes`, () => {
      const reader = new FrameReader();
      const found: string[] = [];
      for (let at = 0; at < WHOLE.length; at += size) found.push(...read(reader, WHOLE.subarray(at, at + size)));
      expect(found).to.deep.equal(MESSAGES.map(String));
      expect(reader.isInside).to.equal(false);
    });

  it('may be written without their end, which then follows', () => {
    const frame = Buffer.concat([frameOf(Buffer.from('hel'), 2), Buffer.from('lo')]);
    expect(read(new FrameReader(), frame)).to.deep.equal(['hello']);
  });

  it('may be cut off, which is noticed', () => {
    for (const end of [1, 5, 6, 9]) {
      const reader = new FrameReader();
      expect(read(reader, frameOf(Buffer.from('hello')).subarray(0, end))).to.deep.equal([]);
      expect(reader.isInside, `${end} bytes`).to.equal(true);
    }
  });

  it('are refused when they are compressed, or longer than anything that an agent sends', () => {
    const compressed = frameOf(Buffer.from('x'));
    compressed[0] = 1;
    const long = Buffer.alloc(5);
    long.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
    for (const bytes of [compressed, long, Buffer.from('HTTP/1.1 400 Bad Request\r\n')])
      expect(() => read(new FrameReader(), bytes)).to.throw(BrokenFrameError);
  });
});
