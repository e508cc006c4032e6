import { expect } from 'chai';

import { allProcesses } from '../../src/process/proc.ts';
import { heldPipes, streamPipes } from '../../src/process/stream-pipes.ts';
import { processInfo } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

/** No process has such a number (proc_sys_kernel(5): pid_max is at most 2^22). */
const NO_PID = 2 ** 22 + 1;

describe('the pipes of a process', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  it('are those of its streams, by a name that both ends share', async () => {
    // Made by a shell: those that Node makes are sockets.
    const shell = children.start('sh', ['-c', 'sleep 1071 | sleep 1072 3<&0 </dev/null; :']);
    const pidOf = (args: string): Promise<number> =>
      waitFor(
        () => allProcesses().find(({ pid, session }) => session === shell.pid && processInfo(pid)?.args === args)?.pid,
        {
          what: args,
        },
      );
    const [writer, reader] = [await pidOf('sleep 1071'), await pidOf('sleep 1072')];
    const [pipe = ''] = streamPipes(writer, [1]);
    expect(pipe).to.match(/^pipe:\[\d+\]$/);
    expect(streamPipes(writer)).to.deep.equal([pipe]);
    expect(streamPipes(writer, [0, 2])).to.deep.equal([]);
    // As none of its streams, but still.
    expect(streamPipes(reader)).to.deep.equal([]);
    expect(heldPipes(reader)).to.include(pipe);
  });

  it('are none of a process that there is not', () => {
    expect(streamPipes(NO_PID)).to.deep.equal([]);
    expect(heldPipes(NO_PID)).to.deep.equal([]);
  });
});
