import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { pipedOutput } from '../../src/runtime/piped-output.ts';
import { waitFor } from '../support/wait-for.ts';

const CHUNK = Buffer.alloc(65_536, 'x');

describe('an output stream for a program', () => {
  it('gives what the command writes, and ends when that does', async () => {
    const source = new PassThrough();
    const { stream, pump } = pipedOutput();
    const moving = pump(source);
    source.end('all of it');
    expect(await text(stream)).to.equal('all of it');
    expect(await moving.settle(0)).to.equal(false);
  });

  it('holds the command back while its reader is slow, and waits for the reader', async () => {
    const source = new PassThrough({ highWaterMark: 1 });
    const { stream, pump } = pipedOutput();
    const moving = pump(source);
    stream.pause();
    source.write(CHUNK);
    source.write(CHUNK);
    let settled = false;
    const settling = moving.settle(1).then((unfinished) => {
      settled = true;
      return unfinished;
    });
    await waitFor(() => source.isPaused(), { what: 'the source to be held back' });
    expect(stream.readableLength).to.equal(CHUNK.length);
    source.end(CHUNK);
    // Many times the quiet that ends a wait for a command's leftovers.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(settled).to.equal(false);
    expect((await text(stream)).length).to.equal(3 * CHUNK.length);
    expect(await settling).to.equal(false);
  });

  it('does not wait for a reader that there is not, and says that output is missing', async () => {
    const source = new PassThrough();
    const { stream, pump, end } = pipedOutput();
    const moving = pump(source);
    source.write(CHUNK);
    source.write(CHUNK);
    source.end(CHUNK);
    expect(await moving.settle(60_000)).to.equal(true);
    expect(source.destroyed).to.equal(true);
    end();
    expect((await text(stream)).length).to.equal(CHUNK.length);
  });

  it('can be read later if all of it was kept', async () => {
    const source = new PassThrough();
    const { stream, pump, end } = pipedOutput();
    const moving = pump(source);
    source.end('little');
    expect(await moving.settle(60_000)).to.equal(false);
    end();
    expect(await text(stream)).to.equal('little');
  });

  it('ends, read or not, when something else keeps the pipe open', async () => {
    const source = new PassThrough();
    const { stream, pump } = pipedOutput();
    const moving = pump(source);
    source.write('some');
    const reading = text(stream);
    expect(await moving.settle(20)).to.equal(true);
    expect(await reading).to.equal('some');
  });

  it('closes the pipe when its reader leaves, also while nothing comes', async () => {
    const source = new PassThrough();
    const { stream, pump } = pipedOutput();
    const moving = pump(source);
    stream.destroy();
    await waitFor(() => source.destroyed, { what: 'the pipe to be closed' });
    expect(await moving.settle(60_000)).to.equal(false);
  });

  it('closes the pipe when its reader leaves while it is full', async () => {
    const source = new PassThrough();
    const { stream, pump } = pipedOutput();
    const moving = pump(source);
    stream.pause();
    source.write(CHUNK);
    source.write(CHUNK);
    await waitFor(() => source.isPaused(), { what: 'the source to be held back' });
    stream.destroy();
    expect(await moving.settle(60_000)).to.equal(false);
    expect(source.destroyed).to.equal(true);
  });
});
