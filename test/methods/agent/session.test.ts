import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { GuestAgent } from '../../../src/methods/agent/guest-agent.ts';
import { CONTROL_EXIT, LET_GO } from '../../../src/methods/agent/guest-script.ts';
import { AgentSession } from '../../../src/methods/agent/session.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import type { ApiAccess } from '../../../src/model/remote.ts';
import { newExecutionId } from '../../../src/oci/new-result.ts';
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
  const patience = { firstLookMs: 1500, afterKillMs: 1000, controlMs: 300 };
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

describe('the input of a command that a guest agent starts', () => {
  it('is what was written, whatever becomes of its buffer when that was called back', async () => {
    let input: unknown;
    const api = {
      node: 'pve1',
      vmid: '200',
      call: (method: string, _path: string, parameters?: Record<string, unknown>) => {
        if (method === 'POST') input = parameters?.['input-data'];
        return Promise.resolve(method === 'POST' ? { pid: COMMAND_PID } : { exited: 1, exitcode: 0 });
      },
    } as unknown as ApiAccess;
    const plan = { hasShell: true, words: ['sh'], head: Buffer.from('head '), maxInputBytes: 1000 };
    const instead = (): Promise<never> => Promise.reject(new Error('it has a shell'));
    const request = requestOf({ command: ['cat'], stdin: { kind: 'pipe' } });
    const session = new AgentSession(new GuestAgent(api, 'virtual machine 200'), request, plan, instead);
    const buffer = Buffer.alloc(2);
    for (const letter of 'abc') {
      buffer.fill(letter);
      // oxlint-disable-next-line no-await-in-loop -- the buffer is used again
      await new Promise((resolve) => void session.stdin?.write(buffer, resolve));
    }
    buffer.fill('x');
    session.stdin?.end();
    await session.exit;
    expect(input).to.equal('head aabbcc');
  });
});

describe('a command whose guest is looked into for what holds its output', () => {
  const ID = newExecutionId();
  const ENDED = { exited: 1, exitcode: 3, 'out-data': 'do', 'err-data': `${ID} started\n` };
  const STILL_RUNS = { exited: 1, exitcode: CONTROL_EXIT.left };
  const NOTHING_HELD = { exited: 1, exitcode: CONTROL_EXIT.done };
  const WAS_HELD = { ...NOTHING_HELD, 'out-data': `${LET_GO}\n` };
  const INTERRUPTED = new LxcriError('ConnectionLost', 'read ECONNRESET');

  /** What a guest answers to a look, and to the question what became of something: of the command or of the last look. */
  interface Guest {
    readonly look?: () => LxcriError | undefined;
    readonly status: (of: 'command' | 'look') => Record<string, unknown>;
  }

  /** Whether the output of a command is told to be incomplete. */
  async function isIncomplete({ look, status }: Guest): Promise<boolean | undefined> {
    let pids = 0;
    const api = {
      node: 'pve1',
      vmid: '200',
      call: (method: string, _path: string, parameters?: { pid?: number }) => {
        if (method === 'GET') return Promise.resolve(status(parameters?.pid === COMMAND_PID ? 'command' : 'look'));
        const failure = pids > 0 ? look?.() : undefined;
        return failure === undefined ? Promise.resolve({ pid: (pids += 1) }) : Promise.reject(failure);
      },
    } as unknown as ApiAccess;
    const plan = { hasShell: true, words: ['sh'], head: Buffer.alloc(0), maxInputBytes: 0 };
    const instead = (): Promise<never> => Promise.reject(new Error('it has a shell'));
    // What the tests wait for comes in any case: the limits are for a session that does not see it.
    const patience = { firstLookMs: 1, afterKillMs: 60_000, controlMs: 60_000 };
    const request = requestOf({ id: ID });
    const session = new AgentSession(new GuestAgent(api, 'virtual machine 200'), request, plan, instead, patience);
    expect(await session.launch()).to.deep.equal({ kind: 'started', pid: COMMAND_PID });
    const exit = await session.exit;
    if (exit.kind !== 'exited') throw new Error(exit.kind);
    expect(exit.exitCode).to.equal(3);
    return exit.outputIncomplete;
  }

  it('has cut output when that was let go, also where the agent tells the end of the command first', async () => {
    let wasSent = false;
    let isEndTold = false;
    let more = 0;
    const look = (): undefined => void (wasSent = true);
    const status = (of: 'command' | 'look') => {
      if (of === 'look') return isEndTold && (more += 1) > 4 ? WAS_HELD : RUNNING;
      isEndTold = wasSent;
      return isEndTold ? ENDED : RUNNING;
    };
    expect(await isIncomplete({ look, status })).to.equal(true);
    expect(more).to.equal(5);
  });

  it('has cut output when that was let go, and the end of the command is told later', async () => {
    let wasTold = false;
    const status = (of: 'command' | 'look') => {
      if (of === 'command') return wasTold ? ENDED : RUNNING;
      wasTold = true;
      return WAS_HELD;
    };
    expect(await isIncomplete({ status })).to.equal(true);
  });

  it('has all its output when it ended by itself, and nothing was held', async () => {
    let wasTold = false;
    let more = 0;
    const status = (of: 'command' | 'look') => {
      // The look is known to be over before the end of the command is.
      if (of === 'command') return wasTold && (more += 1) > 2 ? ENDED : RUNNING;
      wasTold = true;
      return NOTHING_HELD;
    };
    expect(await isIncomplete({ status })).to.equal(false);
  });

  it('may have cut output when a look was sent and nobody knows what it did', async () => {
    let wasSent = false;
    const look = (): LxcriError => {
      wasSent = true;
      return INTERRUPTED;
    };
    expect(await isIncomplete({ look, status: () => (wasSent ? ENDED : RUNNING) })).to.equal(true);
  });

  it('has all its output when a later look has found the command running', async () => {
    let sent = 0;
    let wasTold = false;
    const look = (): LxcriError | undefined => ((sent += 1) === 1 ? INTERRUPTED : undefined);
    const status = (of: 'command' | 'look') => {
      if (of === 'command') return wasTold ? ENDED : RUNNING;
      wasTold = true;
      return STILL_RUNS;
    };
    expect(await isIncomplete({ look, status })).to.equal(false);
    expect(sent).to.be.at.least(2);
  });
});
