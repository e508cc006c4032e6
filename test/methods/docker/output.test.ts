import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { CommandOutput } from '../../../src/methods/docker/output.ts';
import type { OutputOptions } from '../../../src/methods/docker/output.ts';
import { waitFor } from '../../support/wait-for.ts';

function frame(stream: number, text: string | Buffer): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

function outputOf(source: PassThrough, further: Partial<OutputOptions> = {}): CommandOutput {
  return new CommandOutput(source, {
    framed: true,
    stdout: true,
    stderr: true,
    mayBeReset: false,
    onUnread: () => {},
    ...further,
  });
}

/** What has come on both streams, once the source has ended. */
async function read(output: CommandOutput): Promise<[string, string]> {
  let [stdout, stderr] = ['', ''];
  output.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  output.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  output.open();
  await output.ended;
  await new Promise((resolve) => setImmediate(resolve));
  return [stdout, stderr];
}

describe("a command's output from Docker", () => {
  const bytes = Buffer.concat([frame(1, 'one'), frame(2, 'two'), frame(1, ''), frame(1, 'three')]);

  it('is taken apart, wherever its pieces begin', async () => {
    for (let size = 1; size <= bytes.length; size++) {
      const source = new PassThrough();
      const output = outputOf(source);
      for (let at = 0; at < bytes.length; at += size) source.write(bytes.subarray(at, at + size));
      source.end();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await read(output), `pieces of ${size}`).to.deep.equal(['onethree', 'two']);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await output.ended).to.deep.equal({ kind: 'whole' });
    }
  });

  it('tells how long nothing has come, but not while its reader holds it up', async () => {
    const realNow = Date.now;
    let clock = realNow();
    Date.now = () => clock;
    try {
      const source = new PassThrough();
      const output = outputOf(source, { framed: false });
      output.open();
      clock += 5000;
      expect(output.silentMs, 'not asked for yet').to.equal(0);
      output.watchSilence();
      clock += 700;
      expect(output.silentMs).to.equal(700);
      source.write(Buffer.alloc(1024 ** 2));
      await waitFor(() => output.stdout?.readableLength ?? 0, { what: 'the output to come' });
      clock += 700;
      expect(output.silentMs, 'nobody reads').to.equal(0);
      output.stdout?.resume();
      await waitFor(() => output.stdout?.readableLength === 0 && source.readableLength === 0, { what: 'a reader' });
      clock += 300;
      expect(output.silentMs).to.equal(300);
      source.end();
      await output.ended;
      clock += 300;
      expect(output.silentMs, 'when it has ended').to.equal(300);
    } finally {
      Date.now = realNow;
    }
  });

  it('is given on whole where frames of one stream follow each other, wherever pieces begin', async () => {
    const texts = ['a'.repeat(30), 'b'.repeat(7), '', 'c'.repeat(50), 'd'];
    const [last, errors] = ['e'.repeat(9), 'x'.repeat(20)];
    const sent = Buffer.concat([...texts.map((text) => frame(1, text)), frame(2, errors), frame(1, last)]);
    for (let size = 1; size <= sent.length; size++) {
      const source = new PassThrough();
      const output = outputOf(source);
      for (let at = 0; at < sent.length; at += size) source.write(Buffer.from(sent.subarray(at, at + size)));
      source.end();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await read(output), `pieces of ${size}`).to.deep.equal([[...texts, last].join(''), errors]);
    }
    const source = new PassThrough();
    const output = outputOf(source);
    const pieces: string[] = [];
    output.stdout?.on('data', (piece: Buffer) => pieces.push(piece.toString()));
    source.end(Buffer.from(sent));
    await read(output);
    expect(pieces).to.deep.equal([texts.join(''), last]);
  });

  it('is broken when it ends within a frame', async () => {
    for (const length of [3, 8, 9]) {
      const source = new PassThrough();
      const output = outputOf(source);
      source.end(bytes.subarray(0, length));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await read(output);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await output.ended).kind, String(length)).to.equal('broken');
    }
  });

  it('is broken when it has ended within a frame before it was opened', async () => {
    const source = new PassThrough();
    const output = outputOf(source);
    source.write(bytes.subarray(0, 9));
    await output.stirred;
    source.emit('end');
    await output.over;
    expect(await read(output)).to.deep.equal(['o', '']);
    expect((await output.ended).kind).to.equal('broken');
  });

  it('is never what the engine says of itself, nor what is unknown', async () => {
    for (const [stream, reason] of [
      [3, 'the engine says: the attach has failed'],
      [4, 'what the engine sends is no output'],
      [255, 'what the engine sends is no output'],
    ] as const) {
      const source = new PassThrough();
      const output = outputOf(source);
      source.write(frame(1, 'one'));
      source.write(frame(stream, 'the attach\nhas failed'));
      source.end(frame(1, 'two'));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await read(output)).to.deep.equal(['one', '']);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await output.ended).to.deep.equal({ kind: 'broken', reason });
    }
  });

  it('says whether more of it must come', async () => {
    const source = new PassThrough();
    const output = outputOf(source);
    output.open();
    output.stdout?.resume();
    expect(output.isWithinFrame).to.equal(false);
    source.write(bytes.subarray(0, 9));
    await new Promise((resolve) => setImmediate(resolve));
    expect(output.isWithinFrame).to.equal(true);
    source.write(bytes.subarray(9, 11));
    await new Promise((resolve) => setImmediate(resolve));
    expect(output.isWithinFrame).to.equal(false);
    output.close();
  });

  it('is as it comes with a terminal', async () => {
    const source = new PassThrough();
    const output = outputOf(source, { framed: false });
    source.end(bytes);
    expect(await read(output)).to.deep.equal([bytes.toString(), '']);
    expect(output.stderr).to.equal(null);
  });

  it('waits for its reader, and holds no more than a little', async () => {
    const source = new PassThrough();
    const output = outputOf(source);
    output.open();
    let written = 0;
    const chunk = frame(1, Buffer.alloc(65_536));
    while (source.write(chunk) && written < 1000) {
      written += 1;
      // oxlint-disable-next-line no-await-in-loop -- lets it flow
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).to.be.below(50);
    output.stdout?.resume();
    await new Promise((resolve) => source.once('drain', resolve));
    output.close();
  });

  it('for a reader that has gone is told of, and does not hold the other stream', async () => {
    const source = new PassThrough();
    let unread = 0;
    const output = outputOf(source, { onUnread: () => (unread += 1) });
    output.stdout?.destroy();
    source.end(bytes);
    expect(await read(output)).to.deep.equal(['', 'two']);
    expect(unread).to.equal(2);
  });

  it('can be why nothing was started', async () => {
    const source = new PassThrough();
    const output = outputOf(source);
    source.write(frame(1, 'no such '));
    await output.stirred;
    source.end(frame(1, 'file'));
    expect(await output.refusal()).to.equal('no such file');
  });
});
