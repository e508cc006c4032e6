import { PassThrough, Readable } from 'node:stream';

import { expect } from 'chai';

import { readInput } from '../../src/cli/read-input.ts';

const LIMITS = { maxBytes: 8, deadlineMs: 10_000 };

describe('an input that is read to its end', () => {
  it('is all of it, up to the limit', async () => {
    const source = Readable.from([Buffer.from('1234'), Buffer.from('5678')]);
    expect(await readInput(source, LIMITS)).to.deep.equal(Buffer.from('12345678'));
    expect(await readInput(Readable.from([]), LIMITS)).to.deep.equal(Buffer.alloc(0));
  });

  it('is given up as soon as it is too long, although it goes on', async () => {
    const endless = new PassThrough();
    endless.write('123456789');
    expect(await readInput(endless, LIMITS)).to.equal('too long');
    expect(endless.destroyed).to.equal(true);
  });

  it('is given up when its end does not come, even if something came', async () => {
    const silent = new PassThrough();
    silent.write('1234');
    expect(await readInput(silent, { ...LIMITS, deadlineMs: 20 })).to.equal('too late');
    expect(silent.destroyed).to.equal(true);
  });

  it('ends where it fails', async () => {
    const failing = new PassThrough();
    failing.write('1234');
    const reading = readInput(failing, LIMITS);
    setImmediate(() => failing.destroy(new Error('EIO')));
    expect(await reading).to.deep.equal(Buffer.from('1234'));
  });
});
