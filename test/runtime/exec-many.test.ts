import { expect } from 'chai';

import { createRuntime, isLxcriError } from '../../src/index.ts';
import type { ExecManyOptions, ManyResult, Runtime, Word } from '../../src/index.ts';
import { documentErrors } from '../model/schema.ts';
import { assertNothingNew, processesMatching, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';

describe('a command in several containers, for a program', () => {
  let one: Container;
  let two: Container;
  let runtime: Runtime;
  let targets: string[];
  let snapshots: Map<Container, ProcessSnapshot>;

  before(async () => {
    [one, two] = await Promise.all([startContainer({ kind: 'debian' }), startContainer({ kind: 'busybox' })]);
    targets = [one.name, two.name];
    runtime = createRuntime({ lxcpath: one.lxcpath, pveDirectory: '/nonexistent', methods: ['lxc-attach'] });
  });

  beforeEach(async () => {
    snapshots = new Map([
      [one, await snapshotProcesses(one)],
      [two, await snapshotProcesses(two)],
    ]);
  });

  afterEach(() => Promise.all([...snapshots].map(([container, before]) => assertNothingNew(container, before))));

  after(() => Promise.all([one?.destroy(), two?.destroy()]));

  async function run(command: readonly Word[], options: ExecManyOptions = {}, named = targets): Promise<ManyResult> {
    const result = await runtime.execMany(named, command, options);
    expect(documentErrors('exec-many-result', result)).to.deep.equal([]);
    return result;
  }

  function thrown(named: unknown, command: unknown, options: object = {}): string {
    try {
      void runtime.execMany(named as string[], command as string[], options);
    } catch (error) {
      return isLxcriError(error) ? `${error.code}: ${error.message}` : String(error);
    }
    return 'nothing';
  }

  it('gives the result of each, with its name', async () => {
    const script = 'hostname; id -un; pwd; echo "$A" >&2; cat; exit $(hostname | wc -c)';
    const result = await run(['sh', '-c', script], { env: { A: 'é' }, workdir: '/tmp', user: 'nobody' });
    const codes = targets.map((name) => name.length + 1);
    expect(
      result.results.map(({ target, exitCode, stdout, stderr }) => ({ target, exitCode, stdout, stderr })),
    ).to.deep.equal(
      targets.map((target, index) => ({
        target,
        exitCode: codes[index],
        stdout: `${target}\nnobody\n/tmp\n`,
        stderr: 'é\n',
      })),
    );
    expect([result.exitCode, result.error]).to.deep.equal([Math.max(...codes), null]);
  });

  it('drops the output that is not wanted', async () => {
    const { results } = await run(['sh', '-c', 'echo x; echo y >&2'], { stdout: 'ignore', maxOutputBytes: 1 });
    expect(results.map(({ stdout, stderr, truncated }) => [stdout, stderr, truncated])).to.deep.equal([
      ['', 'y', true],
      ['', 'y', true],
    ]);
  });

  it('starts nothing where one cannot be used', async () => {
    await two.freeze();
    try {
      const { exitCode, error, results } = await run(['touch', '/tmp/ran'], {}, [...targets, 'absent']);
      expect([exitCode, error?.code]).to.deep.equal([125, 'ContainerFrozen']);
      expect(results.map((each) => each.error?.code)).to.deep.equal([
        'OperationFailed',
        'ContainerFrozen',
        'ContainerNotFound',
      ]);
    } finally {
      await two.unfreeze();
    }
    expect((await one.attach(['ls', '/tmp/ran'])).exitCode).to.not.equal(0);
  });

  it('starts nothing where a method refuses the request', async () => {
    const { exitCode, error, results } = await run(['true'], { methods: ['guest-agent'] });
    expect([exitCode, error?.code]).to.deep.equal([125, 'NoMethodAvailable']);
    expect(results.map(({ started, attempts }) => [started, attempts])).to.deep.equal([
      [false, []],
      [false, []],
    ]);
  });

  it('refuses a container that is named twice', async () => {
    const { exitCode, error } = await run(['true'], {}, [one.name, `lxc:${one.name}`]);
    expect([exitCode, error?.code]).to.deep.equal([125, 'UsageError']);
  });

  it('is cancelled by its signal, before and after the start', async () => {
    const before = await run(['sleep', '7272'], { signal: AbortSignal.abort() });
    expect([before.exitCode, before.results.map(({ started }) => started)]).to.deep.equal([143, [false, false]]);
    const abort = new AbortController();
    const running = run(['sleep', '7272'], { signal: abort.signal });
    await waitFor(
      async () => {
        const found = await Promise.all([one, two].map((container) => processesMatching(container, '7272')));
        return found.every((each) => each.some(({ args }) => args === 'sleep 7272'));
      },
      { what: 'both to sleep' },
    );
    abort.abort();
    const { exitCode, results } = await running;
    expect([exitCode, results.map(({ started, canceled }) => [started, canceled])]).to.deep.equal([
      143,
      [
        [true, true],
        [true, true],
      ],
    ]);
  });

  it('does not reject where it cannot be found out what is meant', async () => {
    const { exitCode, error, results } = await run(['true'], {}, [one.name, 'k8s:shop/nothing:web']);
    expect([exitCode, error?.code, results]).to.deep.equal([125, 'UsageError', []]);
  });

  it('throws at once for what no container could make right', () => {
    expect(thrown([], ['true'])).to.equal('UsageError: the containers are an empty array');
    expect(thrown('web', ['true'])).to.equal('UsageError: the containers are "web"');
    expect(thrown(['web', 7], ['true'])).to.equal('UsageError: the container is 7, not text');
    expect(thrown(['web'], [])).to.equal('MissingCommand: no command was given');
    expect(thrown(['web'], 'true')).to.match(/^UsageError: the command is "true"/);
    expect(thrown(['web'], ['true'], { stdin: 'inherit' })).to.equal('UsageError: there is no option "stdin"');
    expect(thrown(['web'], ['true'], { terminal: {} })).to.equal('UsageError: there is no option "terminal"');
    expect(thrown(['web'], ['true'], { stdout: 'pipe' })).to.equal('UsageError: the option stdout is "pipe"');
    expect(thrown(['web'], ['true'], { timeoutMs: -1 })).to.equal('UsageError: the option timeoutMs is -1');
  });
});
