import { expect } from 'chai';

import { GuestAgent, MAX_INPUT_BYTES } from '../../../src/methods/agent/guest-agent.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import type { ApiAccess } from '../../../src/model/remote.ts';

type Answer = unknown;

/** An agent whose server answers with these, one after the other; errors are thrown. */
function agentOf(answers: readonly Answer[]): {
  agent: GuestAgent;
  asked: [string, string, Record<string, unknown>?][];
} {
  const asked: [string, string, Record<string, unknown>?][] = [];
  const left = [...answers];
  const api = {
    node: 'pve1',
    vmid: '200',
    call: (method: string, path: string, parameters?: Record<string, unknown>) => {
      asked.push(parameters === undefined ? [method, path] : [method, path, parameters]);
      const answer = left.shift();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  } as unknown as ApiAccess;
  return { agent: new GuestAgent(api, 'virtual machine 200'), asked };
}

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const failed = (said: string): LxcriError => new LxcriError('OperationFailed', `GET x: ${said}`);

describe('a guest agent behind the API', () => {
  it('gets input as the characters that the server makes bytes of', async () => {
    const { agent, asked } = agentOf([{ pid: 7 }]);
    expect(await agent.launch(['cat'], ALL_BYTES)).to.deep.equal({ kind: 'started', pid: 7 });
    expect(asked[0]?.slice(0, 2)).to.deep.equal(['POST', '/nodes/pve1/qemu/200/agent/exec']);
    expect(asked[0]?.[2]).to.deep.equal({ command: ['cat'], 'input-data': ALL_BYTES.toString('latin1') });
  });

  it('is sent nothing that does not fit', async () => {
    const { agent, asked } = agentOf([{ pid: 1 }]);
    const large = [
      await agent.launch(['cat'], Buffer.alloc(MAX_INPUT_BYTES + 1)),
      await agent.launch(['x', 'y'.repeat(600_000)], undefined),
    ];
    expect(large.map(({ kind }) => kind)).to.deep.equal(['refused', 'refused']);
    expect(asked).to.deep.equal([]);
    expect((await agent.launch(['cat'], Buffer.alloc(MAX_INPUT_BYTES, 0xff))).kind).to.equal('started');
  });

  it('takes no answer for a process that is none', async () => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (const answer of [null, {}, { pid: 'x' }, { pid: 1.5 }])
      expect((await agentOf([answer]).agent.launch(['true'], undefined)).kind).to.equal('unclear');
  });

  it('gives back every byte, and what was cut', async () => {
    const out = ALL_BYTES.toString('latin1');
    const { agent, asked } = agentOf([
      { exited: 0 },
      { exited: 1, exitcode: 3, 'out-data': out, 'err-data': out, 'out-truncated': 0, 'err-truncated': 1 },
    ]);
    const outcome = await agent.wait(7);
    if (outcome.kind !== 'ended') throw new Error(outcome.reason);
    expect(outcome).to.deep.include({ exitCode: 3, signal: undefined, truncated: true });
    expect([outcome.stdout.equals(ALL_BYTES), outcome.stderr.equals(ALL_BYTES)]).to.deep.equal([true, true]);
    expect(asked.map(([, path]) => path)).to.deep.equal(Array(2).fill('/nodes/pve1/qemu/200/agent/exec-status'));
  });

  it('never guesses what became of a process', async () => {
    const unknown: Answer[][] = [
      [failed('Agent error: PID ld does not exist')],
      [{ exited: 1, exitcode: 0, 'out-data': '\u0100' }],
      [{ exited: 1, exitcode: 0, 'out-data': 7 }],
      [{}],
      [null],
      [new LxcriError('AuthenticationFailed', 'no')],
    ];
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (const answers of unknown)
      expect((await agentOf(answers).agent.wait(7)).kind, JSON.stringify(answers)).to.equal('unknown');
  });

  it('asks again after what passes', async () => {
    const { agent } = agentOf([
      new LxcriError('PlatformUnreachable', 'restarts'),
      failed("VM 200 qmp command 'guest-exec-status' failed - got timeout"),
      failed('QEMU guest agent is not running'),
      { exited: true, signal: 9 },
    ]);
    expect(await agent.wait(7)).to.deep.include({ kind: 'ended', signal: 9, exitCode: undefined });
  });

  it('says whether the guest is a Windows, where it says anything', async () => {
    const answers = [{ result: { id: 'mswindows' } }, { result: { id: 'debian' } }, {}, failed('no')];
    const found = await Promise.all(answers.map((answer) => agentOf([answer]).agent.isWindows()));
    expect(found).to.deep.equal([true, false, undefined, undefined]);
  });
});
