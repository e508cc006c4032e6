import { expect } from 'chai';

import type { LxcriError } from '../../src/model/errors.ts';
import type { ContainerProcess } from '../../src/model/process.ts';
import { hostInventory } from '../../src/oci/locate.ts';
import { listProcesses } from '../../src/oci/processes.ts';
import type { ProcessesOptions } from '../../src/oci/processes.ts';
import { newChildren } from '../process/children.ts';
import { ID_BASE, createContainer, startContainer, waitFor } from '../support/lxc.ts';
import { fastest } from '../support/limits.ts';
import type { Container } from '../support/lxc.ts';

const INVENTORY = hostInventory();
const NUMERIC: ProcessesOptions = { numeric: true };

async function errorOf(promise: Promise<unknown>): Promise<LxcriError> {
  return promise.then(
    () => {
      throw new Error('it is no error');
    },
    (error: unknown) => error as LxcriError,
  );
}

describe('listing processes', () => {
  const children = newChildren();
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'debian', unprivileged: true });
  });
  after(() => container.destroy());
  afterEach(() => children.endAll());

  function attach(words: readonly string[], options: readonly string[] = []): void {
    const { name, lxcpath } = container;
    children.start('lxc-attach', ['-n', name, '-P', lxcpath, ...options, '--', ...words], { cwd: '/' });
  }

  /** Waits for the process that was started with these words. */
  function listed(command: string, options: ProcessesOptions = NUMERIC): Promise<ContainerProcess> {
    return waitFor(
      async () =>
        (await listProcesses(INVENTORY, container.name, options)).processes.find((each) => each.command === command),
      { what: command },
    );
  }

  it('tells the container, its init first, and ids as they are inside', async () => {
    const found = await listProcesses(INVENTORY, container.name);
    expect(found.container).to.deep.equal({ id: container.name, name: container.name, platform: 'lxc' });
    expect(found.status).to.equal('running');
    const [init] = found.processes;
    expect(init).to.include({ pid: 1, parentPid: 0, hostPid: await container.initPid(), user: 'root', uid: 0, gid: 0 });
    expect(init).to.include({ hostUid: ID_BASE, hostGid: ID_BASE, argsTruncated: false });
  });

  it('names users as the container does, and leaves out itself', async () => {
    attach(['setpriv', '--reuid', '33', '--regid', '33', '--clear-groups', 'sleep', '2001']);
    attach(['setpriv', '--reuid', '4321', '--regid', '4321', '--clear-groups', 'sleep', '2002']);
    expect(await listed('sleep 2001', {})).to.include({ user: 'www-data', uid: 33, gid: 33 });
    expect(await listed('sleep 2002', {})).to.include({ user: null, uid: 4321, gid: 4321 });
    const { processes } = await listProcesses(INVENTORY, container.name);
    expect(processes.map(({ command }) => command).filter((each) => /passwd|getent/.test(each))).to.deep.equal([]);
    expect(await listed('sleep 2001', NUMERIC)).to.include({ user: null, uid: 33 });
  });

  it('has no id for a user of the host who is outside the container', async () => {
    attach(['sleep', '2003'], ['-s', 'PID|MOUNT']);
    expect(await listed('sleep 2003', {})).to.include({ uid: null, gid: null, user: null, hostUid: 0, hostGid: 0 });
  });

  it('tells times and memory as the ps of the container does', async () => {
    attach(['bash', '-c', 'while :; do :; done']);
    const busy = await waitFor(
      async () =>
        (await listProcesses(INVENTORY, container.name, NUMERIC)).processes.find(({ cpuMs }) => cpuMs >= 1000),
      { what: 'a process that was busy for a second', timeoutMs: 30_000 },
    );
    const pid = String(busy.pid);
    const { stdout } = await container.attach(['ps', '-o', 'etimes=,rss=,pcpu=', '-p', pid]);
    const [seconds = 0, kib = 0, percent = 0] = stdout.trim().split(/\s+/).map(Number);
    expect(busy.elapsedMs / 1000).to.be.closeTo(seconds, 1.5);
    expect(Date.now() - Date.parse(busy.startedAt)).to.be.closeTo(busy.elapsedMs, 2500);
    expect(busy.memoryBytes).to.equal(kib * 1024);
    // Since the start; ps counts that in whole seconds.
    expect(busy.cpuPercent).to.be.closeTo((busy.cpuMs / busy.elapsedMs) * 100, 0.06);
    expect(busy.cpuPercent / percent).to.be.within(0.4, 2.5);
  });

  it('shows what has no words by its name', async () => {
    attach(['sh', '-c', 'sleep 0.01 & exec sleep 2004']);
    expect(await listed('[sleep] <defunct>')).to.deep.include({ state: 'Z', args: [], memoryBytes: 0 });
  });

  it('looks into a frozen container without asking it anything', async () => {
    await container.freeze();
    try {
      expect(await fastest(1000, () => listProcesses(INVENTORY, container.name))).to.be.lessThan(1000);
      const found = await listProcesses(INVENTORY, container.name);
      expect(found.status).to.equal('frozen');
      expect(found.processes[0]).to.include({ pid: 1, user: null, uid: 0 });
    } finally {
      await container.unfreeze();
    }
  });

  it('finds none in a stopped container, and says how to start it', async () => {
    const stopped = await createContainer({ kind: 'busybox' });
    try {
      const error = await errorOf(listProcesses(INVENTORY, stopped.name));
      expect(error.code).to.equal('ContainerNotRunning');
      expect(error.message).to.equal(`container ${stopped.name} is not running (stopped): it has no processes`);
      expect(error.hint).to.include(`proxmox-lxcri start ${stopped.name}`);
    } finally {
      await stopped.destroy();
    }
  });

  it('refuses a container whose processes cannot be told from others', async () => {
    const owner = await startContainer({ kind: 'busybox' });
    // The init of busybox insists on being the first process.
    const config = [`lxc.namespace.share.pid = ${owner.name}`, 'lxc.init.cmd = /bin/sleep 1000'];
    const sharing = await startContainer({ kind: 'busybox', config });
    try {
      const error = await errorOf(listProcesses(INVENTORY, sharing.name));
      expect(error.code).to.equal('OperationFailed');
      expect(error.message).to.include('share a pid namespace with others');
    } finally {
      await sharing.destroy();
      await owner.destroy();
    }
  });

  it('finds no container that there is not', async () => {
    expect((await errorOf(listProcesses(INVENTORY, 'no-such-container'))).code).to.equal('ContainerNotFound');
  });
});
