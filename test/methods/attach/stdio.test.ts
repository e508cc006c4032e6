import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { childStdio } from '../../../src/methods/attach/stdio.ts';
import type { ChildStdio } from '../../../src/methods/attach/stdio.ts';
import { requestOf } from '../../oci/requests.ts';
import { openPseudoTerminal } from '../../terminal/pseudo-terminal.ts';
import type { PseudoTerminal } from '../../terminal/pseudo-terminal.ts';

const PIPE = { kind: 'pipe' } as const;
const NULL = { kind: 'null' } as const;

function isOpen(fd: number | 'ignore'): boolean {
  try {
    return fstatSync(fd as number) !== undefined;
  } catch {
    return false;
  }
}

describe('the streams of the attaching program', () => {
  let made: ChildStdio | undefined;
  let file: number;
  let terminal: PseudoTerminal;

  before(async () => {
    terminal = await openPseudoTerminal();
  });

  after(() => terminal.close());

  beforeEach(() => {
    file = openSync('/dev/zero', 'r+');
    made = undefined;
  });

  afterEach(() => {
    made?.destroy();
    closeSync(file);
  });

  const descriptor = () => ({ kind: 'descriptor', fd: file }) as const;
  const onTerminal = () => ({ kind: 'descriptor', fd: terminal.fd }) as const;

  it('are the descriptors that were offered, and nothing of ours beside them', async () => {
    made = await childStdio(requestOf({ stdin: descriptor(), stdout: descriptor(), stderr: NULL }), {
      passTerminals: false,
    });
    expect(made.fds).to.deep.equal([file, file, 'ignore']);
    expect([made.stdin, made.stdout, made.stderr]).to.deep.equal([null, null, null]);
    made.destroy();
    expect(isOpen(file)).to.equal(true);
  });

  it('are pipes where they are wanted, that carry what they should', async () => {
    made = await childStdio(requestOf({ stdin: PIPE, stdout: PIPE, stderr: PIPE }), { passTerminals: false });
    const child = spawn('/bin/sh', ['-c', 'echo err >&2; cat'], { stdio: made.fds });
    made.closeChildEnds();
    made.stdin?.end('in');
    expect(
      await Promise.all(
        [made.stdout, made.stderr].map((stream) => (stream === null ? Promise.resolve('') : text(stream))),
      ),
    ).to.deep.equal(['in', 'err\n']);
    child.kill('SIGKILL');
  });

  it('are never a terminal, unless the program is to work on it', async () => {
    const request = requestOf({ stdin: onTerminal(), stdout: onTerminal(), stderr: onTerminal() });
    made = await childStdio(request, { passTerminals: false });
    expect(made.fds.map((fd) => fstatSync(fd as number).isFIFO())).to.deep.equal([true, true, true]);
    expect([made.stdin, made.stdout, made.stderr]).not.to.include(null);
    made.destroy();
    made = await childStdio(request, { passTerminals: true });
    expect(made.fds).to.deep.equal([terminal.fd, terminal.fd, terminal.fd]);
  });

  it('keep standard error in our hands where that is wanted, but not what is to be dropped', async () => {
    made = await childStdio(requestOf({ stdout: descriptor(), stderr: descriptor() }), {
      passTerminals: false,
      holdStderr: true,
    });
    expect(made.fds.slice(0, 2)).to.deep.equal(['ignore', file]);
    expect(made.stderr).not.to.equal(null);
    made.destroy();
    made = await childStdio(requestOf({ stderr: NULL }), { passTerminals: false, holdStderr: true });
    expect([made.fds[2], made.stderr]).to.deep.equal(['ignore', null]);
  });

  it('are all closed on our side when the child is not started', async () => {
    made = await childStdio(requestOf({ stdin: PIPE }), { passTerminals: false });
    const { fds, stdin, stdout, stderr } = made;
    expect(fds.map(isOpen)).to.deep.equal([true, true, true]);
    made.destroy();
    expect(fds.map(isOpen)).to.deep.equal([false, false, false]);
    expect([stdin, stdout, stderr].map((stream) => stream?.destroyed)).to.deep.equal([true, true, true]);
    // A second time must not close what has the same numbers by now.
    const again = openSync('/dev/null', 'r');
    made.closeChildEnds();
    expect(isOpen(again)).to.equal(true);
    closeSync(again);
  });
});
