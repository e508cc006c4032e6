import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { diagnosePlatforms, toolVersion, tryToList } from '../../../src/oci/doctor/platforms.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { createPveTree } from '../../support/pve/tree.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { summary } from '../summaries.ts';

const LISTING = {
  containers: [
    summary({ id: '101', platform: 'proxmox', status: 'running' }),
    summary({ id: '102', platform: 'proxmox' }),
    summary({ id: 'web', status: 'running' }),
    summary({ id: 'db', status: 'frozen' }),
  ],
};

describe('the platforms of a host', () => {
  it('are counted each for itself', async () => {
    const tree = createPveTree({ node: 'pve1' });
    const inventory = { lxcpaths: ['/var/lib/lxc', '/srv/lxc'], pve: new NodeConfig(tree.dir) };
    const [proxmox, lxc] = await diagnosePlatforms(inventory, LISTING);
    expect(proxmox).to.deep.equal({
      platform: 'proxmox',
      present: true,
      detail: 'node pve1',
      containers: 2,
      running: 1,
    });
    expect(lxc).to.include({ platform: 'lxc', present: true, containers: 2, running: 1 });
    expect(lxc?.detail).to.match(/^LXC \d+\.\d+\S*, in \/var\/lib\/lxc, \/srv\/lxc$/);
  });

  it('have an unknown number that run where only root could tell', async () => {
    const inventory = { lxcpaths: ['/var/lib/lxc'], pve: new NodeConfig('/nonexistent') };
    const hidden = { containers: [summary({ id: 'web', status: 'unreachable' }), summary({ id: 'db' })] };
    const counts = async (): Promise<unknown> =>
      (await diagnosePlatforms(inventory, hidden)).find(({ platform }) => platform === 'lxc');
    expect(await counts()).to.include({ containers: 2, running: 0 });
    process.seteuid?.(65_534);
    try {
      expect(await counts()).to.include({ containers: 2, running: null });
    } finally {
      process.seteuid?.(0);
    }
  });

  it('are not said to be empty where they cannot be listed', async () => {
    const file = `${scratchDirectory()}/file`;
    writeFileSync(file, '');
    const inventory = { lxcpaths: [file], pve: new NodeConfig('/nonexistent') };
    const listing = await tryToList(inventory);
    expect(listing)
      .to.have.property('failure')
      .that.matches(/cannot be listed: ENOTDIR/);
    const [proxmox, lxc] = await diagnosePlatforms(inventory, listing);
    expect(proxmox).to.include({ present: false, containers: 0, running: 0 });
    expect(lxc).to.include({ present: true, containers: null, running: null });
    expect(lxc?.detail).to.match(/; the containers in .* cannot be listed/);
  });

  it('have no version where the tool cannot be run', async () => {
    expect(await toolVersion('lxc-nonesuch')).to.equal(undefined);
    expect(await toolVersion('false')).to.equal(undefined);
  });
});
