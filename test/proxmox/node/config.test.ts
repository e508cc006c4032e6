import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { createPveTree } from '../../support/pve/tree.ts';
import type { PveTree } from '../../support/pve/tree.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('the configuration of a Proxmox node', () => {
  let tree: PveTree;
  let config: NodeConfig;

  before(() => {
    tree = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 101, hostname: 'web' },
        { vmid: 102, hostname: 'db.example', lock: 'migrate', unprivileged: true },
        { vmid: 202, hostname: 'away', node: 'pve2' },
      ],
      qemu: [{ vmid: 300, node: 'pve2' }],
    });
    config = new NodeConfig(tree.dir);
  });

  it('tells this node', () => {
    expect([config.present, config.node]).to.deep.equal([true, 'pve1']);
  });

  it('tells the present of a container, not its snapshots, pending changes or description', () => {
    expect(config.container('101')).to.deep.equal({ vmid: '101', hostname: 'web', lock: undefined, template: false });
    expect(config.container('102')).to.deep.equal({
      vmid: '102',
      hostname: 'db.example',
      lock: 'migrate',
      template: false,
    });
  });

  it('holds the containers of this node only', () => {
    expect(config.container('202')).to.equal(undefined);
    expect(config.container('300')).to.equal(undefined);
    expect(config.containers().map(({ vmid, hostname }) => `${vmid} ${hostname}`)).to.have.members([
      '101 web',
      '102 db.example',
    ]);
  });

  it('knows every guest of the cluster, with its node and kind', () => {
    expect(config.guest('101')).to.deep.equal({ vmid: '101', node: 'pve1', type: 'lxc' });
    expect(config.guest('202')).to.deep.equal({ vmid: '202', node: 'pve2', type: 'lxc' });
    expect(config.guest('300')).to.deep.equal({ vmid: '300', node: 'pve2', type: 'qemu' });
    for (const vmid of ['999', '', 'toString', '__proto__']) expect(config.guest(vmid), vmid).to.equal(undefined);
  });

  it('follows changes', () => {
    tree.putContainer({ vmid: 103, hostname: 'new', lock: 'create' });
    expect(config.container('103')?.lock).to.equal('create');
    tree.putContainer({ vmid: 103, hostname: 'new' });
    expect(config.container('103')?.lock).to.equal(undefined);
    expect(config.guest('103')?.node).to.equal('pve1');
  });

  it('knows what the HA manager starts and stops', () => {
    expect(config.isHaManaged('101')).to.equal(false);
    tree.putContainer({ vmid: 101, hostname: 'web', ha: true });
    expect(['101', '10', '1011', '102'].map((vmid) => config.isHaManaged(vmid))).to.deep.equal([
      true,
      false,
      false,
      false,
    ]);
    const resources = 'vm: 102\n\tstate started\n\nct: 101\n\tgroup x\n\tstate ignored\n\nct: 103\n\n';
    writeFileSync(`${tree.dir}/ha/resources.cfg`, resources);
    expect(['101', '102', '103'].map((vmid) => config.isHaManaged(vmid))).to.deep.equal([false, false, true]);
  });

  it('is not there on a host without Proxmox', () => {
    const none = new NodeConfig(scratchDirectory());
    expect([none.present, none.node, none.containers(), none.container('101'), none.guest('101')]).to.deep.equal([
      false,
      undefined,
      [],
      undefined,
      undefined,
    ]);
  });

  it('is read as far as it goes where files are strange', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/nodes/pve1/lxc`, { recursive: true });
    symlinkSync('nodes/pve1/lxc', `${dir}/lxc`);
    const put = (name: string, text: string): void => writeFileSync(`${dir}/lxc/${name}`, text);
    put('101.conf', '');
    put('102.conf', 'hostname:\tweb \nlock:\n');
    put('103.conf', '[snapshot]\nhostname: old\nlock: backup\n');
    put('104.conf', 'xhostname: no\n hostname: no\nhostname: a b\n');
    put('99.conf', 'hostname: low\n');
    put('0105.conf', 'hostname: zero\n');
    put('106.conf.tmp.1', 'hostname: temporary\n');
    const strange = new NodeConfig(dir);
    expect(strange.containers()).to.have.deep.members([
      { vmid: '101', hostname: undefined, lock: undefined, template: false },
      { vmid: '102', hostname: 'web', lock: undefined, template: false },
      { vmid: '103', hostname: undefined, lock: undefined, template: false },
      { vmid: '104', hostname: undefined, lock: undefined, template: false },
    ]);
    for (const text of [
      '',
      '{',
      'null',
      '{"ids":null}',
      '{"ids":{"101":null}}',
      '{"ids":{"101":{"node":"x","type":"other"}}}',
      '{"ids":{"101":{"type":"lxc"}}}',
    ]) {
      writeFileSync(`${dir}/.vmlist`, text);
      expect(strange.guest('101'), text).to.equal(undefined);
    }
  });

  it('tells the other nodes, whose containers they have, and how the cluster sees them', () => {
    const cluster = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 101, hostname: 'web' },
        { vmid: 202, hostname: 'away', node: 'pve2' },
      ],
      members: [
        { name: 'pve2', ip: '192.0.2.2' },
        { name: 'pve3', online: false },
      ],
    });
    const own = new NodeConfig(cluster.dir);
    expect(own.otherNodes).to.deep.equal(['pve2']);
    expect(own.containers('pve2').map(({ vmid }) => vmid)).to.deep.equal(['202']);
    expect(own.container('202', 'pve2')?.hostname).to.equal('away');
    expect(own.member('pve2')).to.deep.equal({ ip: '192.0.2.2', online: true });
    expect(own.member('pve3')?.online).to.equal(false);
    expect(own.member('pve4')).to.equal(undefined);
    expect(own.knownHosts('pve2')).to.equal(undefined);
    writeFileSync(`${cluster.dir}/nodes/pve2/ssh_known_hosts`, '');
    expect(own.knownHosts('pve2')).to.equal(`${cluster.dir}/nodes/pve2/ssh_known_hosts`);
  });
});
