import { expect } from 'chai';

import type { Container } from '../../src/model/container.ts';
import { containerStatus, currentStatus, withState } from '../../src/oci/status.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { createContainer, scratchDirectory } from '../support/lxc.ts';

const CONTAINER: Container = { id: 'web', name: 'web', platform: 'lxc', lxc: { name: 'web', lxcpath: '/nonexistent' } };

describe('what a container is doing', () => {
  it("is said in LXC's words; one that was thawed runs", () => {
    const status = (state: 'RUNNING' | 'THAWED' | 'FROZEN' | 'UNREACHABLE') =>
      withState(CONTAINER, { state, initPid: 7 }).status;
    expect(status('RUNNING')).to.equal('running');
    expect(status('THAWED')).to.equal('running');
    expect(status('FROZEN')).to.equal('frozen');
    expect(status('UNREACHABLE')).to.equal('unreachable');
    expect(withState(CONTAINER, undefined)).to.deep.equal({
      container: CONTAINER,
      status: 'stopped',
      initPid: undefined,
    });
  });

  it('is asked anew each time', async () => {
    const lxcpath = scratchDirectory();
    const container = await createContainer({ kind: 'busybox', name: 'web', lxcpath });
    const inventory = { lxcpaths: [lxcpath], pve: new NodeConfig('/nonexistent') };
    try {
      const found = await containerStatus(inventory, 'web');
      expect(found).to.deep.include({ status: 'stopped', initPid: undefined });
      await container.start();
      expect(await currentStatus(found.container)).to.deep.include({
        status: 'running',
        initPid: await container.initPid(),
      });
    } finally {
      await container.destroy();
    }
  });

  it('of none is an error', async () => {
    const inventory = { lxcpaths: [scratchDirectory()], pve: new NodeConfig('/nonexistent') };
    const failed = await containerStatus(inventory, 'web').catch((error: unknown) => error);
    expect(failed).to.have.property('code', 'ContainerNotFound');
  });
});
