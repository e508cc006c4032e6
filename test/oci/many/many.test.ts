import { expect } from 'chai';

import type { Container } from '../../../src/model/container.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import type { ExecResult } from '../../../src/model/result.ts';
import type { ManyResult } from '../../../src/model/many.ts';
import type { ExecOptions, Execution } from '../../../src/oci/execution.ts';
import type { HostInventory } from '../../../src/oci/locate.ts';
import { AT_ONCE, startMany } from '../../../src/oci/many/many.ts';
import type { ManyRequest, Runner } from '../../../src/oci/many/many.ts';
import { newExecutionId, newResult } from '../../../src/oci/new-result.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { documentErrors } from '../../model/schema.ts';
import { waitFor } from '../../support/wait-for.ts';

const INVENTORY: HostInventory = { lxcpaths: [], pve: new NodeConfig('/nonexistent') };

/** Executions that the test ends. */
class FakeRunner implements Runner {
  readonly checked: string[] = [];
  readonly signals: string[] = [];
  readonly options = new Map<string, ExecOptions>();
  /** What a check of a target throws, or waits for; else it is found at once. */
  readonly checks = new Map<string, () => Promise<Partial<Container>>>();
  readonly #ends = new Map<string, (result: Partial<ExecResult>) => void>();
  mostAtOnce = 0;
  mostChecksAtOnce = 0;
  #checksNow = 0;

  get running(): string[] {
    return [...this.#ends.keys()];
  }

  readonly check: Runner['check'] = async (_inventory, target) => {
    this.checked.push(target);
    this.mostChecksAtOnce = Math.max(this.mostChecksAtOnce, ++this.#checksNow);
    await new Promise((resolve) => setImmediate(resolve));
    this.#checksNow--;
    const found = await this.checks.get(target)?.();
    return { id: target, name: target, platform: 'lxc', lxc: { name: target, lxcpath: '/x' }, ...found };
  };

  readonly start: Runner['start'] = (_inventory, target, command, options): Execution => {
    this.options.set(target, options ?? {});
    const { promise, resolve } = Promise.withResolvers<ExecResult>();
    const id = newExecutionId();
    this.#ends.set(target, (given) => {
      this.#ends.delete(target);
      resolve({ ...newResult(id, command, new Date()), started: true, ...given });
    });
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#ends.size);
    const signal = (name: string): void => {
      this.signals.push(`${target} ${name}`);
      if (name === 'SIGTERM') this.end(target, { exitCode: 143, canceled: true });
    };
    return { id, result: promise, signal, kill: () => {}, resize: () => {} };
  };

  end(target: string, result: Partial<ExecResult> = {}): void {
    this.#ends.get(target)?.(result);
  }

  async runs(...targets: string[]): Promise<void> {
    await waitFor(() => targets.every((target) => this.#ends.has(target)), { what: `${targets.join(', ')} to run` });
  }
}

/** What nobody ever answers. */
const NEVER = (): Promise<never> => new Promise(() => {});

function start(runner: FakeRunner, targets: readonly string[], more: Partial<ManyRequest> = {}) {
  return startMany(INVENTORY, { targets, command: ['true'], options: {}, ...more }, runner);
}

function valid(result: ManyResult): ManyResult {
  expect(documentErrors('exec-many-result', result)).to.deep.equal([]);
  return result;
}

describe('a command in several containers', () => {
  it('gives a result for each, in their order, and the largest exit code', async () => {
    const runner = new FakeRunner();
    const many = start(runner, ['a', 'b', 'c']);
    await runner.runs('a', 'b', 'c');
    runner.end('c', { exitCode: 3 });
    runner.end('a', { exitCode: 7 });
    runner.end('b');
    const result = valid(await many.result);
    expect(result.results.map(({ target, exitCode }) => [target, exitCode])).to.deep.equal([
      ['a', 7],
      ['b', 0],
      ['c', 3],
    ]);
    expect([result.exitCode, result.error]).to.deep.equal([7, null]);
  });

  it('has the exit code that all have', async () => {
    for (const exitCode of [0, 42]) {
      const runner = new FakeRunner();
      const many = start(runner, ['a', 'b']);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await runner.runs('a', 'b');
      runner.end('a', { exitCode });
      runner.end('b', { exitCode });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await many.result).exitCode).to.equal(exitCode);
    }
  });

  it('starts nothing where one of them cannot be used, and says which', async () => {
    const runner = new FakeRunner();
    for (const target of ['b', 'd'])
      runner.checks.set(target, () =>
        Promise.reject(new LxcriError('ContainerNotRunning', `${target} is stopped`, 'start it')),
      );
    const told: string[] = [];
    const many = start(runner, ['a', 'b', 'c', 'd'], { onResult: (label) => told.push(label) });
    const result = valid(await many.result);
    expect(runner.options.size, 'started').to.equal(0);
    expect(runner.checked).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(result.exitCode).to.equal(125);
    expect(result.error?.code).to.equal('ContainerNotRunning');
    expect(result.error?.message).to.equal(
      'nothing was started: 2 of 4 targets cannot be used: b (ContainerNotRunning), d (ContainerNotRunning)',
    );
    expect(
      result.results.map(({ target, exitCode, started, error }) => [target, exitCode, started, error?.code]),
    ).to.deep.equal([
      ['a', 125, false, 'OperationFailed'],
      ['b', 125, false, 'ContainerNotRunning'],
      ['c', 125, false, 'OperationFailed'],
      ['d', 125, false, 'ContainerNotRunning'],
    ]);
    expect(result.results[1]?.error?.hint).to.equal('start it');
    expect(told).to.deep.equal(['b', 'd']);
  });

  it('starts nothing before the last has been found', async () => {
    const runner = new FakeRunner();
    const found = Promise.withResolvers<Partial<Container>>();
    runner.checks.set('b', () => found.promise);
    const many = start(runner, ['a', 'b']);
    await waitFor(() => runner.checked.length === 2, { what: 'both to be asked for' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(runner.running).to.deep.equal([]);
    found.resolve({});
    await runner.runs('a', 'b');
    runner.end('a');
    runner.end('b');
    await many.result;
  });

  it('refuses a container that was named in two ways', async () => {
    const runner = new FakeRunner();
    const web = { id: 'web', name: 'web', lxc: { name: 'web', lxcpath: '/x' } };
    for (const target of ['web', 'lxc:web']) runner.checks.set(target, async () => web);
    const result = valid(await start(runner, ['web', 'lxc:web']).result);
    expect(runner.options.size).to.equal(0);
    expect(result.exitCode).to.equal(125);
    expect(result.results[1]?.error).to.deep.equal({
      code: 'UsageError',
      message: 'it is the same container as web',
      hint: 'name each only once',
    });
  });

  it('runs so many at once, and no more', async () => {
    const runner = new FakeRunner();
    const targets = Array.from({ length: 25 }, (_, index) => `c${index}`);
    const many = start(runner, targets);
    for (const [index, target] of targets.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await runner.runs(...targets.slice(index, index + AT_ONCE));
      expect(runner.running).to.have.length(Math.min(AT_ONCE, targets.length - index));
      runner.end(target);
    }
    expect((await many.result).results.map(({ target }) => target)).to.deep.equal(targets);
    expect([runner.mostAtOnce, runner.mostChecksAtOnce]).to.deep.equal([AT_ONCE, AT_ONCE]);
  });

  it('passes signals on to all, and starts none of the rest after one that ends', async () => {
    const runner = new FakeRunner();
    const targets = Array.from({ length: AT_ONCE + 2 }, (_, index) => `c${index}`);
    const many = start(runner, targets);
    await runner.runs(...targets.slice(0, AT_ONCE));
    many.signal('SIGUSR1');
    expect(runner.signals).to.deep.equal(targets.slice(0, AT_ONCE).map((target) => `${target} SIGUSR1`));
    many.signal('SIGTERM');
    const result = valid(await many.result);
    expect(result.results.map(({ exitCode, canceled, started }) => [exitCode, canceled, started])).to.deep.equal(
      targets.map((_, index) => [143, true, index < AT_ONCE]),
    );
    expect([result.exitCode, result.error]).to.deep.equal([143, null]);
    expect(runner.options.size).to.equal(AT_ONCE);
  });

  it('is ended by a signal while the containers are asked', async () => {
    const runner = new FakeRunner();
    runner.checks.set('b', NEVER);
    const many = start(runner, ['a', 'b']);
    await waitFor(() => runner.checked.length === 2, { what: 'both to be asked for' });
    many.signal('SIGINT');
    const result = valid(await many.result);
    expect(result.results.map(({ exitCode, canceled }) => [exitCode, canceled])).to.deep.equal([
      [130, true],
      [130, true],
    ]);
    expect([result.exitCode, result.error, runner.options.size]).to.deep.equal([130, null, 0]);
  });

  it('gives each its own time, also to be found', async () => {
    const runner = new FakeRunner();
    runner.checks.set('b', NEVER);
    const result = valid(await start(runner, ['a', 'b'], { options: { timeoutMs: 50 } }).result);
    expect([result.exitCode, result.error?.code]).to.deep.equal([124, 'ExecutionTimeout']);
    const fine = new FakeRunner();
    const many = start(fine, ['a', 'b'], { options: { timeoutMs: 60_000 } });
    await fine.runs('a', 'b');
    expect([...fine.options.values()].map(({ timeoutMs }) => timeoutMs)).to.deep.equal([60_000, 60_000]);
    fine.end('a');
    fine.end('b');
    await many.result;
  });

  it('writes what is left of an output before it tells of the result, by a harmless name', async () => {
    const runner = new FakeRunner();
    runner.checks.set('k8s:p', async () => ({ platform: 'kubernetes', id: 'ns/p/app' }));
    runner.checks.set('b\u001b[2J', async () => ({}));
    const order: string[] = [];
    const many = start(runner, ['k8s:p', 'b\u001b[2J'], {
      outputs: (label) => ({ streams: { stdout: 'ignore' }, end: async () => void order.push(`end ${label}`) }),
      onResult: (label) => order.push(`result ${label}`),
    });
    await runner.runs('k8s:p', 'b\u001b[2J');
    expect(runner.options.get('k8s:p')?.stdout).to.equal('ignore');
    runner.end('k8s:p');
    await waitFor(() => order.length === 2, { what: 'the first to end' });
    runner.end('b\u001b[2J');
    await many.result;
    expect(order).to.deep.equal(['end ns/p/app', 'result ns/p/app', 'end b\\u001b[2J', 'result b\\u001b[2J']);
  });

  it('looks after the others when one meets with a mistake of ours', async () => {
    const runner = new FakeRunner();
    const { start: startOne } = runner;
    const broken: Runner = {
      check: runner.check,
      start: (inventory, target, ...rest) =>
        target === 'a'
          ? { ...startOne(inventory, target, ...rest), result: Promise.reject(new TypeError('x')) }
          : startOne(inventory, target, ...rest),
    };
    const many = startMany(INVENTORY, { targets: ['a', 'b'], command: ['true'], options: {} }, broken);
    await runner.runs('b');
    runner.end('b', { exitCode: 1 });
    const result = valid(await many.result);
    expect(result.results.map(({ error, exitCode }) => [error?.code, exitCode])).to.deep.equal([
      ['InternalError', 125],
      [undefined, 1],
    ]);
  });
});
