import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  assertNothingNew,
  type Container,
  createContainer,
  ID_BASE,
  processesMatching,
  processesSince,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from './lxc.ts';
import { monitorPid } from '../../src/process/proc.ts';
import { isRunning, processInfo } from './proc.ts';
import { fastest } from './limits.ts';
import { tracesOf } from './traces.ts';

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );
}

describe('a test container', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('can be frozen, is not running then, and goes on when thawed', async () => {
    await container.freeze();
    expect(await container.state()).to.equal('FROZEN');
    expect(await container.running()).to.equal(false);
    await container.unfreeze();
    expect(await container.running()).to.equal(true);
    expect((await container.attach(['true'])).exitCode).to.equal(0);
  });

  it('can be stopped while frozen, and started again', async () => {
    await container.freeze();
    await container.stop();
    expect(await container.state()).to.equal('STOPPED');
    expect(await container.pids()).to.deep.equal([]);
    expect(await messageOf(container.initPid())).to.include('has no init: it is STOPPED');
    await container.start();
    expect(await container.running()).to.equal(true);
  });

  it('says why it could not be started', async () => {
    const broken = await createContainer({ kind: 'busybox', config: ['lxc.init.cmd = /nosuch'] });
    expect(await messageOf(broken.start())).to.match(/lxc-start .*nosuch/s);
    await broken.destroy();
  });

  it('is made, started and removed in less than a second', async () => {
    const all = async (): Promise<void> => (await startContainer({ kind: 'busybox' })).destroy();
    expect(await fastest(1000, all)).to.be.below(1000);
  });

  it('may have a VMID for a name in an lxcpath of its own', async () => {
    const lxcpath = scratchDirectory();
    const numbered = await startContainer({ kind: 'busybox', name: '101', lxcpath });
    const ls = await run(['lxc-ls', '-P', lxcpath, '--running']);
    expect(ls.stdout.trim()).to.equal('101');
    await numbered.destroy();
  });

  it('leaves nothing when it is destroyed, even after its monitor was killed', async () => {
    for (const kind of ['busybox', 'systemd'] as const) {
      const orphaned = await startContainer({ kind });
      process.kill(processInfo(await orphaned.initPid())?.parent ?? 0, 'SIGKILL');
      await waitFor(async () => (await orphaned.state()) === 'STOPPED', { what: `${kind} to die with its monitor` });
      expect(tracesOf([orphaned.name])).not.to.deep.equal([]);
      await orphaned.destroy();
      expect(tracesOf([orphaned.name])).to.deep.equal([]);
    }
  });

  it('is never made over one that is there', async () => {
    const { name } = container;
    expect(await messageOf(createContainer({ kind: 'busybox', name }))).to.include('EEXIST');
    expect(await container.running()).to.equal(true);
  });
});

for (const unprivileged of [false, true]) {
  describe(`files given to ${unprivileged ? 'an unprivileged' : 'a'} container`, () => {
    let container: Container;

    before(async () => {
      container = await startContainer({
        kind: 'alpine-like',
        unprivileged,
        files: {
          '/opt/tool': { content: '#!/bin/sh\necho tool\n', mode: 0o755 },
          '/home/app/mine': { content: Buffer.from([0, 255]), uid: 1000, gid: 2001, mode: 0o640 },
          '/root/secret': 'x',
        },
      });
    });

    after(() => container.destroy());

    it('have their content, owner and mode, and leave those of directories', async () => {
      expect((await container.attach(['/opt/tool'])).stdout).to.equal('tool\n');
      expect((await container.attach(['cat', '/home/app/mine'])).stdoutBytes).to.deep.equal(Buffer.from([0, 255]));
      const paths = ['/home/app/mine', '/home/app', '/root', '/opt'];
      const stat = await container.attach(['stat', '-c', '%u:%g:%a', ...paths]);
      expect(stat.stdout.trim().split('\n')).to.deep.equal(['1000:2001:640', '1000:1000:755', '0:0:700', '0:0:755']);
    });

    it('belong to the shifted user on the host', () => {
      const path = join(container.lxcpath, container.name, 'delta/home/app/mine');
      expect(statSync(path).uid).to.equal(1000 + (unprivileged ? ID_BASE : 0));
    });
  });
}

describe('a container that is removed', () => {
  it('takes its processes with it, also when LXC does not say that it runs', async () => {
    const container = await startContainer({ kind: 'busybox' });
    const monitor = monitorPid(container.lxcpath, container.name);
    if (monitor === undefined) throw new Error('it has no monitor');
    // Its monitor refuses root now and then; here it is lxc-info that says nothing.
    const path = process.env['PATH'];
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'lxc-info'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    process.env['PATH'] = `${directory}:${path}`;
    try {
      await container.destroy();
    } finally {
      process.env['PATH'] = path;
    }
    expect(isRunning(monitor)).to.equal(false);
  });
});

describe('finding what a command left behind', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('by a marker in the environment or the command line, and by comparison', async () => {
    const before = await snapshotProcesses(container);
    await assertNothingNew(container, before);
    await container.attach(['sh', '-c', 'MARK=in-environ sleep 1000 >/dev/null 2>&1 &']);
    await container.attach(['sh', '-c', 'sleep 1001.5 >/dev/null 2>&1 &']);
    expect((await processesMatching(container, 'MARK=in-environ')).map((each) => each.args)).to.deep.equal([
      'sleep 1000',
    ]);
    expect(await processesMatching(container, '1001.5')).to.have.length(1);
    expect(await processesSince(container, before)).to.have.length(2);
    expect(await messageOf(assertNothingNew(container, before, 50))).to.match(
      /^left behind in plx-.*:\n {2}\d+ S sleep 1000\n {2}\d+ S sleep 1001\.5$/,
    );
    await container.attach(['killall', 'sleep']);
    await assertNothingNew(container, before);
  });

  it('sees a command that is still attached', async () => {
    const before = await snapshotProcesses(container);
    const attached = container.attach(['sleep', '1002']);
    const [sleeper] = await waitFor(
      async () => {
        const found = await processesMatching(container, '1002');
        return found.length > 0 && found;
      },
      { what: 'the attached sleep' },
    );
    process.kill(sleeper?.pid ?? 0, 'SIGTERM');
    expect((await attached).exitCode).to.equal(128 + 15);
    await assertNothingNew(container, before);
  });
});
