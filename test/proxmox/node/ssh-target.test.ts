/** How one node reaches another over ssh. */
import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { clusterSshTarget } from '../../../src/proxmox/node/ssh-target.ts';
import { createPveTree } from '../../support/pve/tree.ts';

describe('the way to another node of the cluster', () => {
  const tree = createPveTree({
    node: 'pve1',
    containers: [{ vmid: 201, node: 'pve2' }],
    members: [
      { name: 'pve2', ip: '192.0.2.2' },
      { name: 'pve3', online: false },
    ],
  });
  const config = new NodeConfig(tree.dir);

  it('is that of Proxmox VE, with the host keys of the node where the cluster has them', () => {
    const before = ['-e', 'none', '-o', 'BatchMode=yes', '-o', 'HostKeyAlias=pve2'];
    expect(clusterSshTarget(config, 'pve2')).to.deep.equal({
      destination: 'root@192.0.2.2',
      options: before,
      sudo: false,
    });
    const file = `${tree.dir}/nodes/pve2/ssh_known_hosts`;
    writeFileSync(file, '');
    expect(clusterSshTarget(config, 'pve2').options).to.deep.equal([
      ...before,
      '-o',
      `UserKnownHostsFile=${file}`,
      '-o',
      'GlobalKnownHostsFile=none',
    ]);
  });

  it('is not tried when the cluster says that the node is offline, or does not know it', () => {
    expect(() => clusterSshTarget(config, 'pve3')).to.throw(LxcriError, /offline/);
    expect(() => clusterSshTarget(config, 'pve4')).to.throw(LxcriError, /no address/);
  });
});
