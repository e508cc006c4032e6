import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { GuestAgent } from '../../../src/methods/agent/guest-agent.ts';
import { CONTROL_EXIT } from '../../../src/methods/agent/guest-script.ts';
import { AgentSession } from '../../../src/methods/agent/session.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import type { ApiAccess } from '../../../src/model/remote.ts';
import { requestOf } from '../../oci/requests.ts';

const COMMAND_PID = 1;

const RUNNING = { exited: 0 };

/**
 * A command that has been started in a guest whose agent never says that it has ended; and what it says of all else.
 *
 * @param interrupted how many attempts to end it do not get there.
 */
async function endlessCommand(other: Record<string, unknown>, interrupted = 0) {
  const asked: string[] = [];
  let pids = 0;
  let interruptions = interrupted;
  const api = {
    node: 'pve1',
    vmid: '200',
    call: (method: string, _path: string, parameters?: { pid?: number }) => {
      asked.push(method);
      if (method === 'POST' && pids > 0 && (interruptions -= 1) >= 0)
        return Promise.reject(new LxcriError('ConnectionLost', 'read ECONNRESET'));
      if (method === 'POST') return Promise.resolve({ pid: (pids += 1) });
      return Promise.resolve(parameters?.pid === COMMAND_PID ? RUNNING : other);
    },
  } as unknown as ApiAccess;
  const agent = new GuestAgent(api, 'virtual machine 200');
  const plan = { hasShell: true, words: ['sleep'], head: Buffer.alloc(0), maxInputBytes: 0 };
  const instead = (): Promise<never> => Promise.reject(new Error('it has a shell'));
  const patience = { afterKillMs: 1000, controlMs: 300 };
  const session = new AgentSession(agent, requestOf({ command: ['sleep'] }), plan, instead, patience);
  expect(await session.launch()).to.deep.equal({ kind: 'started', pid: COMMAND_PID });
  return { session, asked };
}

describe('a command that a guest agent never says to have ended', () => {
  for (const [what, other, reason] of [
    ['is stuck in the kernel', { exited: 1, exitcode: CONTROL_EXIT.left }, 'processes of it are left'],
    ['is said to be gone otherwise', { exited: 1, exitcode: CONTROL_EXIT.done }, 'does not say that it has ended'],
    ['cannot be ended, because nothing else ends there either', RUNNING, 'could not be ended'],
  ] as const) {
    it(`is given up when it was killed, where it ${what}`, async () => {
      const { session, asked } = await endlessCommand(other);
      expect(await session.kill()).to.equal(false);
      const exit = await session.exit;
      if (exit.kind !== 'lost') throw new Error(exit.kind);
      expect(exit.reason).to.include(reason);
      const count = asked.length;
      // What asks for the end of its tree once more, as every execution does, gets no other answer, and at once.
      expect(await session.kill()).to.equal(false);
      expect(asked).to.have.length(count);
    });
  }

  it('is killed although the connection is interrupted at first', async () => {
    const { session } = await endlessCommand({ exited: 1, exitcode: CONTROL_EXIT.left }, 1);
    await session.kill();
    const exit = await session.exit;
    expect('reason' in exit && exit.reason).to.include('processes of it are left');
  });

  it('is asked for no more when it was given up', async () => {
    const { session, asked } = await endlessCommand({ exited: 1, exitcode: CONTROL_EXIT.left });
    await session.kill();
    const count = asked.length;
    // Longer than between two questions.
    await sleep(1500);
    expect(asked).to.have.length(count);
  });
});
