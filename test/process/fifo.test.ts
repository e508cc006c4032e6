import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fstatSync, readdirSync } from 'node:fs';
import { buffer, text } from 'node:stream/consumers';

import { expect } from 'chai';

import { makePipes } from '../../src/process/fifo.ts';
import type { Pipe, PipeRequest } from '../../src/process/fifo.ts';

const ALL: PipeRequest = { stdin: true, stdout: true, stderr: true };

function temporaryNames(): string[] {
  return readdirSync('/run').filter((name) => name.startsWith('proxmox-lxcri-'));
}

describe('pipes for a child', () => {
  let child: ChildProcess | undefined;
  let pipes: Partial<Record<keyof PipeRequest, Pipe>>;

  /** Starts a shell on new pipes for all three streams. */
  async function start(script: string): Promise<Record<keyof PipeRequest, Pipe>> {
    pipes = await makePipes(ALL);
    const { stdin, stdout, stderr } = pipes;
    if (stdin === undefined || stdout === undefined || stderr === undefined) throw new Error('a pipe is missing');
    child = spawn('/bin/sh', ['-c', script], { stdio: [stdin.childFd, stdout.childFd, stderr.childFd] });
    for (const pipe of [stdin, stdout, stderr]) closeSync(pipe.childFd);
    return { stdin, stdout, stderr };
  }

  beforeEach(() => {
    child = undefined;
    pipes = {};
  });

  afterEach(() => {
    child?.kill('SIGKILL');
    for (const pipe of Object.values(pipes)) pipe.stream.destroy();
  });

  it('carry each stream, and the end of the input', async () => {
    const { stdin, stdout, stderr } = await start('echo err >&2; cat; echo end');
    stdin.stream.end('in\n');
    expect(await text(stdout.stream)).to.equal('in\nend\n');
    expect(await text(stderr.stream)).to.equal('err\n');
  });

  it('can be opened again by their names in /dev, as pipes can and sockets cannot', async () => {
    const { stdin, stdout, stderr } = await start('cat /dev/stdin >/dev/stdout; echo err >/dev/stderr');
    stdin.stream.write('in\n');
    const [chunk] = (await once(stdout.stream, 'data')) as [Buffer];
    expect(chunk.toString()).to.equal('in\n');
    stdin.stream.end();
    expect(await text(stderr.stream)).to.equal('err\n');
  });

  it('block for the child, and do not for us', async () => {
    const { stdin, stdout } = await start('grep flags /proc/self/fdinfo/0 /proc/self/fdinfo/1');
    const flags = [...(await text(stdout.stream)).matchAll(/flags:\s+(\d+)/g)].map(([, octal]) =>
      Number.parseInt(octal ?? '', 8),
    );
    expect(flags).to.have.length(2);
    // O_NONBLOCK
    expect(flags.map((each) => each & 0o4000)).to.deep.equal([0, 0]);
    stdin.stream.destroy();
  });

  it('carry many bytes unchanged, both ways at once', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    const { stdin, stdout } = await start('cat');
    stdin.stream.end(bytes);
    const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
    expect(sha(await buffer(stdout.stream))).to.equal(sha(bytes));
  });

  it('tell us when the child has closed its input', async () => {
    const { stdin, stdout } = await start('exec <&-; echo closed; sleep 100');
    await once(stdout.stream, 'data');
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
      stdin.stream.on('error', resolve);
      stdin.stream.write('x');
    });
    expect(error.code).to.equal('EPIPE');
  });

  it('give the child SIGPIPE when we close its output', async () => {
    const { stdout } = await start('yes');
    await once(stdout.stream, 'data');
    const ended = new Promise((resolve) => child?.on('exit', (code, signal) => resolve(signal ?? code)));
    stdout.stream.destroy();
    // The shell becomes its only command, or reports its end.
    expect(await ended).to.be.oneOf(['SIGPIPE', 141]);
  });

  it('are made only where they are wanted, and leave no name', async () => {
    const before = temporaryNames();
    expect(await makePipes({ stdin: false, stdout: false, stderr: false })).to.deep.equal({});
    pipes = await makePipes({ ...ALL, stdout: false });
    expect(pipes).to.have.all.keys('stdin', 'stderr');
    expect(temporaryNames().filter((name) => !before.includes(name))).to.deep.equal([]);
    for (const { childFd } of Object.values(pipes)) {
      expect(fstatSync(childFd).isFIFO()).to.equal(true);
      closeSync(childFd);
    }
  });
});
