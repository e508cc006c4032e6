import { expect } from 'chai';

import { MarkedOutput } from '../../../src/methods/kubernetes/marked-output.ts';
import type { Announcement } from '../../../src/methods/kubernetes/marked-output.ts';

const NAME = 'f9e9fbc4-5050-4d0e-9952-6f0a94c9e440';

interface Read {
  readonly output: string;
  readonly announced: readonly Announcement[];
  readonly exitCode: number | undefined;
}

async function read(pieces: readonly (string | Buffer)[]): Promise<Read> {
  const marked = new MarkedOutput(NAME);
  const announced: Announcement[] = [];
  let exitCode: number | undefined;
  marked.onAnnouncement = (announcement) => announced.push(announcement);
  void marked.exited.then((code) => (exitCode = code));
  for (const piece of pieces) marked.write(piece);
  marked.end();
  const chunks = (await marked.toArray()) as Buffer[];
  return { output: Buffer.concat(chunks).toString('latin1'), announced, exitCode };
}

describe('the output that a launcher says its messages on', () => {
  const whole = Buffer.from(`sh: a complaint\n${NAME} started\nfirst\n${NAME}x ${NAME} exit 7\nlast`, 'latin1');
  const expected: Read = {
    output: `first\n${NAME}x last`,
    announced: [{ message: 'started' }],
    exitCode: 7,
  };

  it('is what is left without them', async () => {
    expect(await read([whole])).to.deep.equal(expected);
  });

  it('is the same wherever it is cut', async () => {
    for (let at = 1; at < whole.length; at++)
      // oxlint-disable-next-line no-await-in-loop -- one place after the other
      expect(await read([whole.subarray(0, at), whole.subarray(at)]), `cut at ${at}`).to.deep.equal(expected);
    expect(await read([...whole].map((byte) => Buffer.of(byte)))).to.deep.equal(expected);
  });

  it('keeps what only begins as they do', async () => {
    const { output, exitCode } = await read([`${NAME} started\n`, `${NAME} exit now\n${NAME} exit 12`]);
    expect([output, exitCode]).to.deep.equal([`${NAME} exit now\n${NAME} exit 12`, undefined]);
  });

  it('tells what a shell says instead', async () => {
    const { announced, output } = await read([`${NAME} setpriv: not allowed\n`, 'more']);
    expect(announced).to.deep.equal([{ message: 'setpriv: not allowed' }]);
    expect(output).to.equal('more');
  });
});
