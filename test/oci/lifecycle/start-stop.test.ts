/** What a program sees that starts, stops and kills containers: the results, the errors, and its abort signal. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { killContainer } from '../../../src/oci/lifecycle/kill.ts';
import { startContainer } from '../../../src/oci/lifecycle/start.ts';
import { stopContainer } from '../../../src/oci/lifecycle/stop.ts';
import type { HostInventory } from '../../../src/oci/locate.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { createContainer, scratchDirectory } from '../../support/lxc.ts';
import type { Container } from '../../support/lxc.ts';
import { must } from '../../support/run.ts';

describe('starting, stopping and killing by a program', () => {
  const lxcpath = scratchDirectory();
  const inventory: HostInventory = { lxcpaths: [lxcpath], pve: new NodeConfig('/nonexistent') };
  let container: Container;

  before(async () => {
    container = await createContainer({ kind: 'busybox', name: 'ct', lxcpath });
  });

  after(() => container.destroy());

  it('says what became of it', async () => {
    const identity = { id: 'ct', name: 'ct', platform: 'lxc' };
    const started = await startContainer(inventory, 'ct', { wait: true });
    expect(started).to.deep.equal({
      container: identity,
      status: 'running',
      pid: await container.initPid(),
      changed: true,
    });
    expect(await startContainer(inventory, `lxc:${lxcpath}/ct`)).to.deep.equal({ ...started, changed: false });
    expect(await stopContainer(inventory, 'ct')).to.deep.equal({
      container: identity,
      status: 'stopped',
      pid: null,
      changed: true,
      forced: false,
    });
    expect(await stopContainer(inventory, 'ct')).to.include({ changed: false, forced: false });
    await startContainer(inventory, 'ct');
    expect(await killContainer(inventory, 'ct')).to.include({ status: 'stopped', changed: true });
  });

  it('does nothing once it is aborted', async () => {
    const reason = new Error('enough');
    const abort = AbortSignal.abort(reason);
    const start = await startContainer(inventory, 'ct', { abort }).catch((error: unknown) => error);
    expect(start).to.equal(reason);
    expect(await container.state()).to.equal('STOPPED');
    await container.start();
    const stop = await stopContainer(inventory, 'ct', { abort, force: true }).catch((error: unknown) => error);
    expect(stop).to.equal(reason);
    expect(await container.running()).to.equal(true);
  });

  it('is not said to have changed anything where somebody else was faster', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'lxc-start'), '#!/bin/sh\nlxc-start "$@"\nexit 1\n', { mode: 0o755 });
    await container.stop();
    const { PATH } = process.env;
    process.env['PATH'] = directory;
    try {
      expect(await startContainer(inventory, 'ct')).to.include({ status: 'running', changed: false });
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  it('waits no longer than it may where the configuration is a pipe', async () => {
    mkdirSync(join(lxcpath, 'pipe'));
    await must(['mkfifo', join(lxcpath, 'pipe/config')]);
    const start = startContainer(inventory, 'pipe', { timeoutMs: 500 });
    expect(await start.catch((error: unknown) => error)).to.include({ code: 'ExecutionTimeout' });
  });
});
