import { PassThrough, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { pipedInput, streamOf } from '../../src/runtime/piped-input.ts';
import type { PipedInput } from '../../src/runtime/piped-input.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a standard input from a program', () => {
  let broken: number;

  beforeEach(() => {
    broken = 0;
  });

  function inputOf(source: Readable): PipedInput {
    return pipedInput(source, () => broken++);
  }

  it('arrives whole, and ends', async () => {
    for (const source of [streamOf('text é'), streamOf(Buffer.from('text é')), Readable.from(['te', 'xt é'])]) {
      const target = new PassThrough();
      inputOf(source).feed(target);
      expect(await text(target)).to.equal('text é');
    }
    const bytes = Buffer.from('a part of it');
    const target = new PassThrough();
    inputOf(streamOf(new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 4))).feed(target);
    expect(await text(target)).to.equal('part');
    expect(broken).to.equal(0);
  });

  it('is read no faster than the command takes it', async () => {
    let read = 0;
    const source = Readable.from(
      (function* chunks() {
        for (; read < 100; read++) yield Buffer.alloc(65_536);
      })(),
    );
    let give = (): void => {};
    const target = new Writable({ write: (_chunk, _encoding, done) => void (give = done) });
    inputOf(source).feed(target);
    await waitFor(() => target.writableNeedDrain, { what: 'the command to be full' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Beyond what is written: what the stream reads ahead.
    expect(read).to.be.below(30);
    target.on('drain', () => {});
    const pushing = setInterval(() => give(), 0);
    await waitFor(() => target.writableFinished, { what: 'all to be written' });
    clearInterval(pushing);
    expect([read, broken]).to.deep.equal([100, 0]);
  });

  it('is not taken for whole when it fails, before it is read or while it is', async () => {
    for (const started of [false, true]) {
      broken = 0;
      const source = new PassThrough();
      const target = new PassThrough();
      const input = inputOf(source);
      if (started) {
        input.feed(target);
        source.write('half');
      }
      source.destroy(new Error('disk gone'));
      await waitFor(() => broken > 0, { what: 'the failure to be noticed' });
      expect([broken, target.writableEnded]).to.deep.equal([1, false]);
    }
  });

  it('is not taken for whole when it is closed before its end', async () => {
    const source = new PassThrough();
    const target = new PassThrough();
    inputOf(source).feed(target);
    source.write('half');
    source.destroy();
    await waitFor(() => broken > 0, { what: 'the end to be noticed' });
    expect(target.writableEnded).to.equal(false);
  });

  it('is not taken for whole when it holds what cannot be written', async () => {
    const target = new PassThrough();
    inputOf(Readable.from([Buffer.from('half'), { no: 'bytes' }])).feed(target);
    await waitFor(() => broken > 0, { what: 'the object to be refused' });
    expect(target.writableEnded).to.equal(false);
  });

  it('is destroyed, and not broken, when the command closes it or ends first', async () => {
    for (const how of ['closes', 'ends', 'fails'] as const) {
      const source = new PassThrough();
      const target = new PassThrough();
      target.on('error', () => {});
      const stop = inputOf(source).feed(target);
      source.write('some');
      if (how === 'closes') target.destroy();
      else if (how === 'fails') target.destroy(new Error('EPIPE'));
      else stop();
      await waitFor(() => source.destroyed, { what: `the source to be destroyed when the command ${how}` });
      await new Promise(setImmediate);
      expect(broken, how).to.equal(0);
    }
  });
});
