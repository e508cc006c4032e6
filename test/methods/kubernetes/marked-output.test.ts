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

  it('is not what a shell says of a program that it could not become', async () => {
    for (const [said, complaint] of [
      ['105: exec: ./x: not found', './x: not found'],
      ['exec: line 105: ./x: not found', './x: not found'],
      ['line 105: /x: cannot execute: required file not found', '/x: cannot execute: required file not found'],
    ] as const) {
      const marked = new MarkedOutput(NAME);
      const bytes = Buffer.from(`${NAME} started\n${NAME}: ${said}\r\n${NAME}: ${said}\n${NAME} exit 127\n`);
      for (const byte of bytes) marked.write(Buffer.of(byte));
      marked.end();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await marked.toArray()).to.deep.equal([]);
      expect([marked.complaint, await marked.exited]).to.deep.equal([complaint, 127]);
    }
  });

  it('is what only looks so: a command may know its id, and write it', async () => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (const said of [`${NAME}: 105: begun\n`, `a\n${NAME}: 105: exec: ./x: not found\n`, `${NAME}:`, NAME])
      expect((await read([`${NAME} started\n`, said])).output).to.equal(said);
  });

  it('tells what a shell says instead', async () => {
    const { announced, output } = await read([`${NAME} setpriv: not allowed\n`, 'more']);
    expect(announced).to.deep.equal([{ message: 'setpriv: not allowed' }]);
    expect(output).to.equal('more');
  });
});
