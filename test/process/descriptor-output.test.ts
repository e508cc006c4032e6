import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { descriptorOutput } from '../../src/process/descriptor-output.ts';
import { moduleProgram } from '../cli/module.ts';
import { runWithSocket } from '../support/odd-streams.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('output to a descriptor', () => {
  it('keeps the order of two streams to one file, and leaves it open', async () => {
    const path = join(scratchDirectory(), 'file');
    const fd = openSync(path, 'w');
    const [one, other] = [descriptorOutput(fd), descriptorOutput(fd)];
    const ended = [one, other].map((stream) => new Promise((resolve) => stream.on('finish', resolve)));
    let expected = '';
    for (let round = 0; round < 50; round++) {
      const texts = [`a${round} `.repeat(round % 2 === 0 ? 30_000 : 1), `b${round} `];
      one.write(texts[0]);
      // oxlint-disable-next-line no-await-in-loop -- it comes after the other one
      await new Promise((resolve) => other.write(texts[1], resolve));
      expected += texts.join('');
    }
    one.end();
    other.end();
    await Promise.all(ended);
    expect(readFileSync(path, 'utf8') === expected).to.equal(true);
    closeSync(fd);
  });

  it('tells of an error, also to who writes afterwards', async () => {
    const fd = openSync('/dev/null', 'r');
    const stream = descriptorOutput(fd).on('error', () => {});
    const codes = [];
    for (let round = 0; round < 2; round++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await new Promise<NodeJS.ErrnoException | null | undefined>((done) => stream.write('x', done));
      codes.push(error?.code);
    }
    expect(codes).to.deep.equal(['EBADF', 'ERR_STREAM_DESTROYED']);
    closeSync(fd);
  });

  it('waits for room in a socket that somebody has made non-blocking, and never says that it is the end', async () => {
    const code = `
      const stream = module.descriptorOutput(1);
      stream.write('');
      stream.write(Buffer.alloc(5_000_000, 'x'));`;
    const nonBlocking = 'use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK) or die; exec @ARGV';
    const program = moduleProgram('process/descriptor-output.ts', code);
    const { exitCode, stdout, stderr } = await runWithSocket(1, ['perl', '-e', nonBlocking, ...program]);
    expect([exitCode, stdout.length, stderr]).to.deep.equal([0, 5_000_000, '']);
  });
});
