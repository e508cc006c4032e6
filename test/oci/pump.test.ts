import { PassThrough, Readable } from 'node:stream';

import { expect } from 'chai';

import { pump } from '../../src/oci/pump.ts';
import { waitFor } from '../support/wait-for.ts';

/** A promise to be settled by the test. */
function deferred() {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/** Whether it has settled by the time that all that could settle it has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const later = new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(pending))));
  return (await Promise.race([promise, later])) === pending;
}

describe('a pump', () => {
  it('moves everything in order, one chunk at a time', async () => {
    const chunks = Array.from({ length: 100 }, (_, index) => Buffer.from(`${index},`));
    let text = '';
    let busy = 0;
    const moving = pump(Readable.from(chunks, { objectMode: false }), async (chunk) => {
      expect(++busy).to.equal(1);
      await new Promise(setImmediate);
      text += chunk.toString();
      busy--;
    });
    await moving.done;
    await waitFor(() => busy === 0, { what: 'the last chunk' });
    expect(text).to.equal(chunks.join(''));
    expect(await moving.settle(0)).to.equal(false);
  });

  it('reads no further while the sink is not ready', async () => {
    const source = new PassThrough({ highWaterMark: 10 });
    const gate = deferred();
    let taken = 0;
    pump(source, () => {
      taken++;
      return gate.promise;
    });
    source.write('0123456789');
    await waitFor(() => taken === 1, { what: 'the first chunk' });
    for (let round = 0; round < 10; round++) source.write('0123456789');
    expect(await isPending(gate.promise)).to.equal(true);
    expect(taken).to.equal(1);
    gate.resolve();
    await waitFor(() => taken > 1, { what: 'the second chunk' });
    source.destroy();
  });

  it('is done only when the last chunk has arrived, even if the stream has ended before', async () => {
    const gate = deferred();
    let taken = 0;
    const moving = pump(Readable.from([Buffer.from('first'), Buffer.from('last')], { objectMode: false }), () => {
      taken++;
      return taken === 2 ? gate.promise : undefined;
    });
    await waitFor(() => taken === 2, { what: 'the last chunk' });
    expect(await isPending(moving.done)).to.equal(true);
    gate.resolve();
    await moving.done;
  });

  it('closes the stream when the sink fails, so that the command gets SIGPIPE', async () => {
    const source = new PassThrough();
    const moving = pump(source, () => Promise.reject(new Error('closed')));
    source.write('x');
    await moving.done;
    expect(source.destroyed).to.equal(true);
    expect(await moving.settle(1000)).to.equal(false);
  });

  it('takes an error of the stream for its end', async () => {
    const source = new PassThrough();
    const moving = pump(source, () => {});
    source.destroy(new Error('EIO'));
    await moving.done;
    expect(await moving.settle(1000)).to.equal(false);
  });

  it('gives up on a stream that somebody else holds, and says so', async () => {
    const source = new PassThrough();
    const moving = pump(source, () => {});
    source.write('x');
    const begin = performance.now();
    expect(await moving.settle(100)).to.equal(true);
    expect(performance.now() - begin).to.be.within(95, 20_000);
    expect(source.destroyed).to.equal(true);
  });

  it('waits on while something comes, and takes it', async () => {
    const source = new PassThrough();
    let bytes = 0;
    const moving = pump(source, (chunk) => void (bytes += chunk.length));
    const settled = moving.settle(200);
    for (let round = 0; round < 10; round++) {
      source.write('x');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    source.end();
    expect(await settled).to.equal(false);
    expect(bytes).to.equal(10);
  });

  it('does not count the time in which the sink was not ready', async () => {
    const source = new PassThrough();
    const gate = deferred();
    let text = '';
    const moving = pump(source, (chunk) => {
      text += chunk.toString();
      return gate.promise;
    });
    source.write('first ');
    await waitFor(() => text !== '', { what: 'the first chunk' });
    source.end('last');
    const settled = moving.settle(50);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await isPending(settled)).to.equal(true);
    gate.resolve();
    expect(await settled).to.equal(false);
    expect(text).to.equal('first last');
  });

  it('does not wait for a sink that is full and has nobody who would empty it', async () => {
    const source = new PassThrough();
    const sink = { abandoned: false };
    const moving = pump(
      source,
      () => new Promise<void>(() => {}),
      () => sink.abandoned,
    );
    source.write('kept for ever');
    const settling = moving.settle(0);
    await waitFor(() => source.isPaused(), { what: 'the sink to be full' });
    expect(await isPending(settling)).to.equal(true);
    sink.abandoned = true;
    expect(await settling).to.equal(true);
    expect(source.destroyed).to.equal(true);
  });
});
