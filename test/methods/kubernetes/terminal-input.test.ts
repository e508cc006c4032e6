import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { terminalInput } from '../../../src/methods/kubernetes/terminal-input.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('the input of a command at a terminal', () => {
  const begin = (): { target: PassThrough; input: NodeJS.WritableStream; said: () => string } => {
    const target = new PassThrough();
    let text = '';
    target.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    return { target, input: terminalInput(target), said: () => text };
  };

  it('ends with the key for that, which is pressed again for who reads later', async () => {
    const { target, input, said } = begin();
    input.end('exit 3\n');
    await waitFor(() => said().length >= 'exit 3\n'.length + 5, { what: 'the end to be said three times' });
    expect(said().slice(0, 10)).to.equal('exit 3\n\u0004\u0015\u0004');
    target.destroy();
  });

  it('is over with the terminal', async () => {
    const { target, input, said } = begin();
    input.end();
    await waitFor(() => said() !== '', { what: 'the end to be said' });
    let isTouched = false;
    target.write = () => (isTouched = true);
    target.destroy();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(isTouched).to.equal(false);
  });
});
