import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { CommandOutput } from '../../../src/methods/docker/output.ts';
import { DockerSession } from '../../../src/methods/docker/session.ts';
import type { DockerSessionParts } from '../../../src/methods/docker/session.ts';
import type { SessionExit } from '../../../src/model/session.ts';

describe('a session in Docker whose output is held by another process', () => {
  /** The end of a session whose command is gone, and whose engine ends the output itself before it answers. */
  async function endAfter(silenceMs: number): Promise<SessionExit> {
    const realNow = Date.now;
    const clock = { ms: realNow() };
    Date.now = () => clock.ms;
    try {
      const source = new PassThrough();
      const output = new CommandOutput(source, {
        framed: false,
        stdout: true,
        stderr: true,
        mayBeReset: false,
        onUnread: () => {},
      });
      const engine = {
        request: async () => {
          clock.ms += silenceMs;
          source.end();
          await output.ended;
          return { status: 200, body: { Running: false, ExitCode: 3, Pid: 1 } };
        },
      };
      const session = new DockerSession({
        engine,
        id: 'e1',
        processes: { kind: 'host', tree: { commandPid: undefined } },
        output,
        stdin: null,
        hasTerminal: false,
        watchdog: undefined,
        exitCode: undefined,
      } as unknown as DockerSessionParts);
      output.stdout?.resume();
      output.open();
      return await session.exit;
    } finally {
      Date.now = realNow;
    }
  }

  it('says that it may be incomplete where the engine, from 23 on, has waited for it and given up', async () => {
    expect(await endAfter(2000)).to.deep.equal({ kind: 'exited', exitCode: 3, signal: null, outputIncomplete: true });
  });

  it('does not say so of output that ends with the command', async () => {
    expect(await endAfter(10)).to.deep.equal({ kind: 'exited', exitCode: 3, signal: null });
  });
});
