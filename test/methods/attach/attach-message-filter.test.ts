import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { AttachMessageFilter } from '../../../src/methods/attach/attach-message-filter.ts';

const MESSAGE =
  'lxc-attach: web: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec "nosuch"\n';

async function filtered(...chunks: string[]): Promise<string> {
  const filter = new AttachMessageFilter();
  for (const chunk of chunks) filter.write(chunk);
  filter.end();
  return text(filter);
}

describe('standard error without the message of lxc-attach', () => {
  it('lacks that line alone, however it is cut', async () => {
    expect(await filtered(MESSAGE)).to.equal('');
    expect(await filtered(...Array.from(MESSAGE))).to.equal('');
    expect(await filtered(`${MESSAGE}more\n`)).to.equal('more\n');
    expect(await filtered(MESSAGE.slice(0, 40), `${MESSAGE.slice(40)}mo`, 're')).to.equal('more');
    expect(await filtered(MESSAGE.trimEnd())).to.equal('');
  });

  it('is what the command wrote, whatever it looks like', async () => {
    for (const written of [
      '',
      'x',
      '\n',
      'lxc',
      'lxc-attach: ',
      'lxc-attach: usage\n',
      `first\n${MESSAGE}`,
      'lxc-attach: no newline',
    ]) {
      expect(await filtered(written), written).to.equal(written);
      expect(await filtered(...Array.from(written)), `${written} in pieces`).to.equal(written);
    }
  });

  it('is not held back longer than needed', async () => {
    const filter = new AttachMessageFilter();
    const first = new Promise((resolve) => filter.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    filter.write('Password: ');
    expect(await first).to.equal('Password: ');
  });

  it('passes on bytes that are no text', async () => {
    const filter = new AttachMessageFilter();
    const bytes = Buffer.from([0xff, 0, 0x80, 10]);
    const read = new Promise((resolve) => filter.once('data', resolve));
    filter.write(bytes);
    expect(await read).to.deep.equal(bytes);
  });
});
