import { expect } from 'chai';

import { LxcriError, createRuntime, isLxcriError } from '../../src/index.ts';
import type { Runtime, RuntimeOptions } from '../../src/index.ts';
import { createContainer, run, scratchDirectory, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { createPveTree } from '../support/pve/tree.ts';

const NOBODY = 65_534;

describe('a runtime', () => {
  let lxcpath: string;
  let container: Container;
  let runtime: Runtime;

  before(async () => {
    lxcpath = scratchDirectory();
    container = await createContainer({ kind: 'busybox', name: 'plx-web', lxcpath });
    runtime = createRuntime({ lxcpath, pveDirectory: '/nonexistent' });
  });

  after(() => container.destroy());

  async function rejection(promise: Promise<unknown>): Promise<LxcriError> {
    const error: unknown = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (isLxcriError(error)) return error;
    throw error instanceof Error ? error : new Error('did not reject');
  }

  /** Of all the containers of this host, those of this test. */
  async function own(): Promise<{ name: string; status: string; lxcpath: string | null }[]> {
    const all = await runtime.ps();
    return all
      .filter((each) => each.lxcpath === lxcpath)
      .map(({ name, status, lxcpath: path }) => ({ name, status, lxcpath: path }));
  }

  it('starts, lists, looks into, signals and stops a container', async () => {
    const { name } = container;
    const identity = { id: name, name, platform: 'lxc' };
    expect(await own()).to.deep.equal([{ name, status: 'stopped', lxcpath }]);
    expect((await runtime.exec(name, ['true'])).error?.code).to.equal('ContainerNotRunning');

    const started = await runtime.start(name, { wait: true, timeoutMs: 30_000 });
    expect(started).to.deep.equal({
      container: identity,
      status: 'running',
      pid: await container.initPid(),
      changed: true,
    });
    expect((await runtime.start(name)).changed).to.equal(false);
    expect(await own()).to.deep.equal([{ name, status: 'running', lxcpath }]);

    expect(await runtime.state(name)).to.deep.include({
      id: name,
      status: 'running',
      pid: started.pid,
      bundle: `${lxcpath}/${name}`,
    });
    const inside = await runtime.processes(name);
    expect(inside.container).to.deep.equal(identity);
    expect(inside.processes[0]).to.deep.include({ pid: 1, user: 'root', hostPid: started.pid });
    expect((await runtime.processes(name, { numeric: true })).processes[0]?.user).to.equal(null);

    await container.attach(['sh', '-c', 'sleep 9876 >/dev/null 2>&1 &']);
    expect(await runtime.kill(name, 'SIGCHLD')).to.deep.include({ status: 'running', changed: true });
    expect(await runtime.stop(name, { force: true })).to.deep.equal({
      container: identity,
      status: 'stopped',
      pid: null,
      changed: true,
      forced: true,
    });
    expect(await runtime.stop(name)).to.deep.include({ changed: false, forced: false });
    await runtime.start(name);
    expect(await runtime.kill(name)).to.deep.include({ status: 'stopped', changed: true });
  });

  it('rejects with errors of ours', async () => {
    for (const promise of [
      runtime.start('nosuch'),
      runtime.stop('nosuch'),
      runtime.kill('nosuch'),
      runtime.state('nosuch'),
      runtime.processes('nosuch'),
    ]) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await rejection(promise);
      expect([error.code, error.exitCode]).to.deep.equal(['ContainerNotFound', 125]);
      expect(error.hint).to.be.a('string');
    }
    expect((await rejection(runtime.kill(container.name))).code).to.equal('ContainerNotRunning');
    expect((await rejection(runtime.processes(container.name))).code).to.equal('ContainerNotRunning');
  });

  it('rejects calls that are wrong', async () => {
    const { name } = container;
    // What a program without types can do.
    const any = runtime as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const calls: [string, ...unknown[]][] = [
      ['start', 5],
      ['start', name, null],
      ['start', name, { force: true }],
      ['start', name, { wait: 'yes' }],
      ['start', name, { timeoutMs: -1 }],
      ['start', name, { signal: 'x' }],
      ['stop', name, { wait: true }],
      ['kill', name, 'KILL'],
      ['kill', name, 9],
      ['kill', name, 'SIGKILL', { force: true }],
      ['state', name, { node: 1 }],
      ['processes', name, { numeric: 1 }],
    ];
    for (const [method, ...args] of calls) {
      // oxlint-disable-next-line no-await-in-loop
      const error = await rejection(any[method]?.(...args) ?? Promise.resolve());
      expect(error.code, JSON.stringify([method, ...args])).to.equal('UsageError');
    }
    expect(await container.state()).to.equal('STOPPED');
  });

  it('is not made of options that are wrong', () => {
    for (const options of [
      null,
      5,
      { lxcpath: 'relative' },
      { lxcpath: ['/a', 5] },
      { lxcpath: '/a:/b' },
      { lxcpath: [] },
      { pveDirectory: '' },
      { methods: ['ssh'] },
      { lxcPath: '/a' },
    ]) {
      expect(() => createRuntime(options as RuntimeOptions), JSON.stringify(options))
        .to.throw(LxcriError)
        .with.property('code', 'UsageError');
    }
  });

  it('is not made by a Node that is too old for it, which is said', () => {
    const { versions } = process;
    for (const [node, works] of [
      ['20.20.2', false],
      ['22.18.0', false],
      ['22.19.0', true],
      ['25.1.0-nightly2026', true],
    ] as const) {
      Object.defineProperty(process, 'versions', { value: { ...versions, node } });
      try {
        if (works) createRuntime();
        else expect(() => createRuntime()).to.throw(LxcriError, `Node.js ${node} is too old`);
      } finally {
        Object.defineProperty(process, 'versions', { value: versions });
      }
    }
  });

  it('looks in several directories, and not where the variables of the command line say', async () => {
    const other = scratchDirectory();
    expect((await createRuntime({ lxcpath: [other, lxcpath] }).state(container.name)).id).to.equal(container.name);
    process.env['PROXMOX_LXCRI_LXCPATH'] = lxcpath;
    try {
      expect((await rejection(createRuntime().state(container.name))).code).to.equal('ContainerNotFound');
      expect((await rejection(createRuntime({ lxcpath: other }).state(container.name))).code).to.equal(
        'ContainerNotFound',
      );
    } finally {
      delete process.env['PROXMOX_LXCRI_LXCPATH'];
    }
  });

  it('takes the methods of a call before its own', async () => {
    const limited = createRuntime({ lxcpath, methods: ['pct'] });
    await container.start();
    expect((await limited.exec(container.name, ['true'])).attempts.map(({ method }) => method)).to.deep.equal(['pct']);
    expect((await limited.exec(container.name, ['true'], { methods: ['lxc-attach'] })).exitCode).to.equal(0);
    expect((await limited.exec(container.name, ['true'], { methods: undefined })).error?.code).to.equal(
      'NoMethodAvailable',
    );
    await container.stop();
  });

  it('knows the containers of a Proxmox node', async () => {
    const { dir } = createPveTree({ node: 'pve1', containers: [{ vmid: 101, hostname: 'db', lock: 'backup' }] });
    const onNode = createRuntime({ lxcpath, pveDirectory: dir });
    const found = (await onNode.ps()).find(({ platform }) => platform === 'proxmox');
    expect(found).to.deep.include({ reference: '101', name: 'db', node: 'pve1', lock: 'backup' });
    expect((await onNode.exec('db', ['true'])).error?.code).to.equal('ContainerLocked');
    expect((await rejection(onNode.state('101', { node: 'pve2' }))).code).to.equal('ContainerNotFound');
  });

  it('waits no longer when it is aborted, and rejects with the reason', async () => {
    // An init that does not shut down when it is asked to.
    const stubborn = await createContainer({
      kind: 'busybox',
      name: 'plx-busy',
      lxcpath,
      config: ['lxc.signal.halt = SIGWINCH'],
    });
    try {
      const reason = new Error('changed my mind');
      const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
      expect(await outcome(runtime.start(stubborn.name, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
      expect(await stubborn.state()).to.equal('STOPPED');
      await stubborn.start();
      const controller = new AbortController();
      const stopping = outcome(runtime.stop(stubborn.name, { signal: controller.signal }));
      const line = `lxc-stop -n ${stubborn.name} -P ${lxcpath} --nokill -t 60`;
      await waitFor(async () => (await run(['ps', '-eo', 'args'])).stdout.includes(line), { what: 'it to be asked' });
      controller.abort(reason);
      expect(await stopping).to.equal(reason);
      expect(await stubborn.state(), 'not killed').to.equal('RUNNING');
    } finally {
      await stubborn.destroy();
    }
  });

  it('needs to be run as root', async () => {
    process.seteuid?.(NOBODY);
    let results: unknown[];
    try {
      const refused = [
        runtime.ps(),
        runtime.start('web'),
        runtime.stop('web'),
        runtime.kill('web'),
        runtime.state('web'),
        runtime.processes('web'),
      ];
      results = (await Promise.all(refused.map(rejection))).map(({ code, hint }) => [code, hint]);
      const { error, exitCode } = await runtime.exec('web', ['true']);
      results.push([error?.code, error?.hint]);
      expect(exitCode).to.equal(125);
    } finally {
      process.seteuid?.(0);
    }
    expect(results).to.deep.equal(results.map(() => ['PermissionDenied', 'run this program as root']));
  });
});
