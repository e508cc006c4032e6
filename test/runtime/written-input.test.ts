import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { writtenInput } from '../../src/runtime/written-input.ts';
import type { WrittenInput } from '../../src/runtime/written-input.ts';
import { waitFor } from '../support/wait-for.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A command that takes what it is given one by one, when it is told to. */
class Slow extends Writable {
  readonly #waiting: (() => void)[] = [];
  taken = '';

  constructor() {
    super({ highWaterMark: 1 });
    this.on('error', () => {});
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting.push(() => {
      this.taken += chunk.toString('latin1');
      done();
    });
  }

  get isAsked(): boolean {
    return this.#waiting.length > 0;
  }

  take(): void {
    this.#waiting.shift()?.();
  }
}

describe('a standard input that a program writes', () => {
  let broken: number;
  let input: WrittenInput;

  beforeEach(() => {
    broken = 0;
    input = writtenInput(() => broken++);
  });

  it('calls back when the bytes have been taken, so that their buffer is free', async () => {
    const target = new Slow();
    const buffer = Buffer.alloc(3);
    const writeAll = (async () => {
      for (const letter of 'abc') {
        buffer.fill(letter);
        // oxlint-disable-next-line no-await-in-loop -- the buffer is used again
        await new Promise((resolve) => void input.stream.write(buffer, resolve));
      }
      await new Promise<void>((resolve) => void input.stream.end(resolve));
    })();
    await turn();
    // The command starts later.
    input.feed(target);
    let isWritten = false;
    void writeAll.then(() => (isWritten = true));
    await waitFor(
      () => {
        if (target.isAsked) target.take();
        return isWritten;
      },
      { what: 'all to be written' },
    );
    expect([target.taken, target.writableFinished, broken]).to.deep.equal(['aaabbbccc', true, 0]);
  });

  it('calls no write back before that', async () => {
    const target = new Slow();
    let called = 0;
    input.feed(target);
    input.stream.write('a', () => called++);
    await turn();
    expect([target.isAsked, called]).to.deep.equal([true, 0]);
    target.take();
    await waitFor(() => called === 1, { what: 'the callback' });
  });

  it('arrives whole and in order, whatever was written before the command started, empty pieces too', async () => {
    const target = new PassThrough();
    const words = ['one ', '', 'two ', 'thré', ''];
    for (const word of words) input.stream.write(word);
    input.stream.end('e');
    expect(input.stream.writableFinished).to.equal(false);
    input.feed(target);
    expect(await text(target)).to.equal('one two thrée');
    await waitFor(() => input.stream.writableFinished, { what: 'the end' });
    expect(broken).to.equal(0);
  });

  it('is full when the command takes nothing, and has room again when it does', async () => {
    const target = new Slow();
    input.feed(target);
    let pieces = 0;
    do pieces += 1;
    while (pieces < 1000 && input.stream.write(Buffer.alloc(65_536)));
    expect(pieces).to.be.below(30);
    let isDrained = false;
    input.stream.once('drain', () => (isDrained = true));
    await turn();
    expect(isDrained).to.equal(false);
    await waitFor(
      () => {
        target.take();
        return isDrained;
      },
      { what: 'room' },
    );
  });

  it('is not the whole input when it is destroyed before its end, at any time', async () => {
    for (const started of [false, true]) {
      for (const reason of [undefined, new Error('disk gone')]) {
        broken = 0;
        input = writtenInput(() => broken++);
        const target = new Slow();
        if (started) input.feed(target);
        const errors: unknown[] = [];
        input.stream.write('half', (error) => errors.push(error?.message));
        input.stream.write('rest', (error) => errors.push(error?.message));
        input.stream.destroy(reason);
        // oxlint-disable-next-line no-await-in-loop
        await waitFor(() => broken > 0 && errors.length === 2, { what: 'the end to be noticed' });
        expect([broken, target.writableEnded]).to.deep.equal([1, false]);
        expect(errors).not.to.include(undefined);
        input.end();
      }
    }
  });

  for (const how of ['closes', 'ends', 'fails', 'never starts'] as const)
    it(`is destroyed without an error event, and not broken, when the command ${how}: the callbacks say so`, async () => {
      const target = new Slow();
      const stop = how === 'never starts' ? input.end : input.feed(target);
      const errors: unknown[] = [];
      input.stream.on('error', (error) => errors.push(['event', error]));
      for (const word of ['some', 'more']) input.stream.write(word, (error) => errors.push(error?.message));
      input.stream.end();
      if (how === 'closes') target.destroy();
      else if (how === 'fails') target.destroy(new Error('EPIPE'));
      else stop();
      await waitFor(() => input.stream.closed && errors.length === 2, { what: 'the callbacks' });
      await turn();
      expect(errors[0]).to.equal('the command takes no more input');
      expect(errors[1]).to.be.a('string');
      expect(broken).to.equal(0);
    });

  it('tells by its callback why a write failed', async () => {
    const target = new Writable({
      write: (_chunk, _encoding, done) => void setImmediate(done, new Error('write EPIPE')),
    });
    target.on('error', () => {});
    input.feed(target);
    const error = await new Promise((resolve) => void input.stream.write('some', resolve));
    expect(String(error)).to.contain('write EPIPE');
    await waitFor(() => input.stream.closed, { what: 'it to be closed' });
    expect(broken).to.equal(0);
  });
});
