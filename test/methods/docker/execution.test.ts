import { expect } from 'chai';

import { createExecution, lookAt, resizeTerminal, startExecution } from '../../../src/methods/docker/execution.ts';
import type { ExecutionSpec, ExecutionState } from '../../../src/methods/docker/execution.ts';
import type { Engine, EngineAnswer } from '../../../src/model/engine.ts';
import { LxcriError } from '../../../src/model/errors.ts';

const SPEC: ExecutionSpec = {
  words: ['a', 'b c'],
  env: ['A=secret'],
  user: undefined,
  workdir: undefined,
  privileged: false,
  stdin: true,
  terminal: { columns: 132, rows: 43 },
};

interface Asked {
  readonly line: string;
  readonly body: unknown;
}

/** An engine of this version that answers so, and what it was asked. */
function engineOf(version: readonly [number, number], answer: Partial<EngineAnswer> | Error): [Engine, Asked[]] {
  const asked: Asked[] = [];
  const give = (line: string, body: unknown): Promise<EngineAnswer> => {
    asked.push({ line, body });
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ status: 200, body: undefined, bytes: Buffer.alloc(0), ...answer });
  };
  const engine: Engine = {
    name: 'e',
    version,
    request: (method, path, body) => give(`${method} ${path}`, body),
    upgrade: (path, body) => give(`POST ${path}`, body),
    warmUp() {},
    close() {},
  };
  return [engine, asked];
}

describe('an execution that an engine is asked for', () => {
  const made = { status: 201, body: { Id: 'e1' } };

  it('has its terminal made in its size by engines that can, when it is made and when it is started', async () => {
    const [engine, asked] = engineOf([1, 42], made);
    expect(await createExecution(engine, 'c', SPEC)).to.deep.equal({ id: 'e1' });
    await startExecution(engine, 'e1', SPEC.terminal);
    expect(asked).to.deep.equal([
      {
        line: 'POST /containers/c/exec',
        body: {
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Tty: true,
          // Height and width (Docker Engine API 1.42).
          ConsoleSize: [43, 132],
          Env: ['A=secret'],
          Cmd: ['a', 'b c'],
          Privileged: false,
        },
      },
      { line: 'POST /exec/e1/start', body: { Detach: false, Tty: true, ConsoleSize: [43, 132] } },
    ]);
  });

  it('has no size for engines that do not know of it, nor without a terminal', async () => {
    const [old, askedOld] = engineOf([1, 41], made);
    await createExecution(old, 'c', SPEC);
    await startExecution(old, 'e1', SPEC.terminal);
    const [later, askedLater] = engineOf([2, 0], made);
    await createExecution(later, 'c', { ...SPEC, terminal: undefined });
    await startExecution(later, 'e1', undefined);
    for (const { body } of [...askedOld, ...askedLater]) expect(body).not.to.have.property('ConsoleSize');
  });

  it('has a user, a directory and privileges where they are wanted', async () => {
    const [engine, asked] = engineOf([1, 41], made);
    await createExecution(engine, 'c', { ...SPEC, user: 'web:team', workdir: '/srv', privileged: true });
    expect(asked[0]?.body).to.deep.include({ User: 'web:team', WorkingDir: '/srv', Privileged: true });
  });

  it('is refused by any other answer', async () => {
    for (const answer of [
      { status: 409, body: { message: 'is paused' } },
      { status: 201, body: {} },
      { status: 201 },
    ]) {
      const [engine] = engineOf([1, 41], answer);
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      expect(await createExecution(engine, 'c', SPEC), JSON.stringify(answer)).to.have.property('refused');
    }
  });
});

describe('what an engine says of an execution', () => {
  const look = async (answer: Partial<EngineAnswer>): Promise<ExecutionState> =>
    lookAt(engineOf([1, 41], answer)[0], 'e1');

  const rows: readonly (readonly [string, object, ExecutionState])[] = [
    ['before it is started', { Running: false, ExitCode: null, Pid: 0 }, { kind: 'pending' }],
    ['while it is started', { Running: true, ExitCode: null, Pid: 0 }, { kind: 'pending' }],
    ['while it runs', { Running: true, ExitCode: null, Pid: 77 }, { kind: 'running', pid: 77 }],
    ['when it has ended', { Running: false, ExitCode: 3, Pid: 77 }, { kind: 'ended', exitCode: 3, hadProcess: true }],
    ['of one that could not be started', { Running: false, ExitCode: 127, Pid: 0 }, { kind: 'never-started' }],
    ['without a process and a code', { Running: false, ExitCode: 0, Pid: 0 }, { kind: 'pending' }],
    [
      'in Podman, when it has ended',
      { Running: false, ExitCode: 0, Pid: 0, CanRemove: true },
      { kind: 'ended', exitCode: 0, hadProcess: false },
    ],
    ['that has no code at all', {}, { kind: 'pending' }],
  ];
  for (const [what, body, state] of rows) {
    it(`is understood ${what}`, async () => {
      expect(await look({ body })).to.deep.equal(state);
    });
  }

  for (const body of [
    { Running: false, ExitCode: '0', Pid: 77 },
    { Running: false, ExitCode: 0.5, Pid: 77 },
    { Running: false, ExitCode: -1, Pid: 77 },
    { Running: false, ExitCode: 99_999, Pid: 77 },
    [1],
    null,
    'x',
  ]) {
    it(`is unclear where it makes no sense: ${JSON.stringify(body)}`, async () => {
      expect((await look({ body })).kind).to.equal('unclear');
    });
  }

  it('can be that it knows nothing of it', async () => {
    expect(await look({ status: 404, body: { message: 'No such exec instance: e1' } })).to.deep.equal({
      kind: 'gone',
      reason: 'No such exec instance: e1',
    });
  });
});

describe('another size of a terminal', () => {
  it('is asked for in rows and columns, and a failure is none of the command', async () => {
    const [engine, asked] = engineOf([1, 41], { status: 201 });
    expect(await resizeTerminal(engine, 'e1', 100, 30)).to.equal(true);
    expect(asked[0]?.line).to.equal('POST /exec/e1/resize?h=30&w=100');
    expect(await resizeTerminal(engineOf([1, 41], { status: 500 })[0], 'e1', 1, 1)).to.equal(false);
    expect(await resizeTerminal(engineOf([1, 41], new LxcriError('ConnectionLost', 'x'))[0], 'e1', 1, 1)).to.equal(
      false,
    );
  });
});
