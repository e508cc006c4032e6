import { expect } from 'chai';

import { commandLineOf } from '../../src/process/command-line.ts';
import { allProcesses } from '../../src/process/proc.ts';
import { processInfo } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

describe('the command line of a process', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  /** Starts a shell that becomes another program, so that what it is called with can be bytes. */
  async function replaced(script: string): Promise<number> {
    const { pid } = children.start('/bin/bash', ['-c', script]);
    const isReplaced = (): boolean => {
      // For a moment it has none at all.
      const { args = '' } = processInfo(pid) ?? {};
      return args !== '' && !args.includes('exec -a');
    };
    await waitFor(isReplaced, { what: 'the shell to be replaced' });
    return pid;
  }

  it('is its words, spaces and empty words included', async () => {
    const pid = await replaced(`exec -a 'a name' /bin/bash -c 'read -rt 1000 <> <(:)' '' ' x ' $'\\n' 1000`);
    expect(commandLineOf(pid)).to.deep.equal({
      args: ['a name', '-c', 'read -rt 1000 <> <(:)', '', ' x ', '\n', '1000'],
      truncated: false,
    });
  });

  it('shows U+FFFD for bytes that are not UTF-8', async () => {
    const pid = await replaced(`exec -a $'\\xffé' sleep 1000`);
    expect(commandLineOf(pid).args).to.deep.equal(['\ufffdé', '1000']);
  });

  it('is not read beyond 32 KiB', () => {
    const { pid } = children.start('/bin/sh', ['-c', 'sleep 1000', 'x'.repeat(100_000)]);
    const { args, truncated } = commandLineOf(pid);
    expect(truncated).to.equal(true);
    expect(args.join('\0')).to.have.length(32_768);
  });

  it('has no words for the NULs behind a title of its own', () => {
    // perl writes a title over its words, and clears the rest.
    const { pid } = children.start('/usr/bin/perl', [
      '-e',
      '$0 = "title: x"; sleep 1000',
      ...Array(50).fill('y'.repeat(20)),
    ]);
    return waitFor(() => commandLineOf(pid).args.join('|') === 'title: x', { what: 'the title' });
  });

  it('is empty for a zombie, and for what is gone', async () => {
    const { pid } = children.start('/bin/sh', ['-c', 'sleep 0.01 & exec sleep 1000']);
    const zombie = await waitFor(() => zombieOf(pid), { what: 'the zombie' });
    for (const gone of [zombie, 4_194_305]) expect(commandLineOf(gone)).to.deep.equal({ args: [], truncated: false });
  });
});

function zombieOf(parent: number): number | undefined {
  return allProcesses().find((info) => info.parent === parent && info.state === 'Z')?.pid;
}
