import { expect } from 'chai';

import { LONGEST_LINE, PrefixedLines } from '../../../src/oci/many/prefixed-lines.ts';

/** What comes of chunks, and how it was written. */
async function prefixed(chunks: readonly (Buffer | string)[]): Promise<{ text: Buffer; writes: Buffer[] }> {
  const writes: Buffer[] = [];
  const lines = new PrefixedLines('a', async (whole) => void writes.push(whole));
  for (const chunk of chunks) lines.write(chunk);
  await new Promise<void>((resolve, reject) => lines.on('error', reject).end(resolve));
  return { text: Buffer.concat(writes), writes };
}

describe('prefixed lines', () => {
  it('have the name of their target before each', async () => {
    expect((await prefixed(['one\ntwo\n\nfour\n'])).text.toString()).to.equal('[a] one\n[a] two\n[a] \n[a] four\n');
  });

  it('are the same however the output comes', async () => {
    const text = 'one\n\ntwo longer\nthree';
    const whole = (await prefixed([text])).text.toString();
    expect(whole).to.equal('[a] one\n[a] \n[a] two longer\n[a] three\n');
    for (let at = 0; at <= text.length; at++)
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await prefixed([text.slice(0, at), text.slice(at)])).text.toString(), String(at)).to.equal(whole);
    expect((await prefixed(text.split(''))).text.toString()).to.equal(whole);
  });

  it('keep every byte, and end the last line', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index).filter((byte) => byte !== 0x0a));
    expect((await prefixed([bytes])).text).to.deep.equal(
      Buffer.concat([Buffer.from('[a] '), bytes, Buffer.from('\n')]),
    );
    expect((await prefixed([])).text.toString()).to.equal('');
    expect((await prefixed(['whole\n'])).text.toString()).to.equal('[a] whole\n');
  });

  it('are cut where they are too long, and say so', async () => {
    const whole = 'x'.repeat(LONGEST_LINE);
    expect((await prefixed([`${whole}\ny\n`])).text.toString()).to.equal(`[a] ${whole}\n[a] y\n`);
    const cut = `[a] ${whole}\n[a+] y\n[a] z\n`;
    expect((await prefixed([`${whole}y\nz\n`])).text.toString()).to.equal(cut);
    expect((await prefixed([whole, 'y', '\nz'])).text.toString()).to.equal(cut);
    expect((await prefixed([whole, '\nz'])).text.toString()).to.equal(`[a] ${whole}\n[a] z\n`);
    expect((await prefixed([whole, whole, 'y'])).text.toString()).to.equal(`[a] ${whole}\n[a+] ${whole}\n[a+] y\n`);
  });

  it('never mix: what is written at once is whole lines, of bounded size', async () => {
    const { text, writes } = await prefixed(['\n'.repeat(500_000), 'x', 'y\n']);
    expect(text.length).to.equal(500_000 * '[a] \n'.length + '[a] xy\n'.length);
    for (const written of writes) {
      expect(written.at(-1)).to.equal(0x0a);
      expect(written.length).to.be.at.most(1024 * 1024);
    }
  });

  it('keep little of a line that never ends, also byte by byte', async () => {
    let written = 0;
    const lines = new PrefixedLines('a', async (whole) => void (written += whole.length));
    const total = 3 * LONGEST_LINE + 10;
    for (let byte = 0; byte < total; byte++) lines.write('x');
    await new Promise<void>((resolve) => lines.end(resolve));
    expect(written).to.equal(total + '[a] \n'.length + 3 * '[a+] \n'.length);
  });

  it('wait for who takes them, and fail with it', async () => {
    const gate = Promise.withResolvers<void>();
    const lines = new PrefixedLines('a', () => gate.promise);
    let accepted = false;
    const failure = new Promise<Error>((resolve) => lines.on('error', resolve));
    lines.write('one\n', () => (accepted = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(accepted).to.equal(false);
    gate.reject(new Error('gone'));
    expect((await failure).message).to.equal('gone');
  });
});
