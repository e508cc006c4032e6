import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { DEFAULT_LXCPATH } from '../../src/lxc/lxcpath.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { hostInventory, locate } from '../../src/oci/locate.ts';
import type { HostInventory } from '../../src/oci/locate.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { createContainer } from '../support/lxc.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** A directory with containers of these names, as far as `locate` looks. */
function lxcpathWith(...names: string[]): string {
  const lxcpath = scratchDirectory();
  for (const name of names) {
    mkdirSync(`${lxcpath}/${name}`);
    writeFileSync(`${lxcpath}/${name}/config`, '');
  }
  mkdirSync(`${lxcpath}/no-config`);
  return lxcpath;
}

function errorOf(inventory: HostInventory, word: string, node?: string): LxcriError {
  try {
    locate(parseReference(word), inventory, node);
  } catch (error) {
    if (error instanceof LxcriError) return error;
    throw error;
  }
  throw new Error(`${word} was found`);
}

describe('locating a container on a host with plain LXC', () => {
  let one: string;
  let other: string;
  let inventory: HostInventory;

  before(() => {
    one = lxcpathWith('web', 'both', '101', '99');
    other = lxcpathWith('db', 'both');
    inventory = { lxcpaths: [one, other], pve: new NodeConfig(`${one}/no-pve`) };
  });

  it('finds it in every directory, with and without the scheme', () => {
    for (const [word, lxcpath] of [
      ['web', one],
      ['lxc:web', one],
      ['db', other],
      ['101', one],
      ['99', one],
      [`lxc:${other}/both`, other],
    ] as const) {
      const id = word.replace(/^lxc:(.*\/)?/, '');
      expect(locate(parseReference(word), inventory), word).to.deep.equal({
        id,
        name: id,
        platform: 'lxc',
        lxc: { name: id, lxcpath },
      });
    }
  });

  it('names the candidates where there are several, in a form that can be typed', () => {
    for (const word of ['both', 'lxc:both']) {
      const { code, message } = errorOf(inventory, word);
      expect(code).to.equal('AmbiguousContainer');
      const candidates = message.match(/lxc:\S+(?=,|$)/g) ?? [];
      expect(candidates.map((each) => locate(parseReference(each), inventory).lxc?.lxcpath)).to.deep.equal([
        one,
        other,
      ]);
    }
  });

  it('says where it looked when there is none', () => {
    const { code, message } = errorOf(inventory, 'nosuch');
    expect(code).to.equal('ContainerNotFound');
    expect(message).to.include(one).and.to.include(other).and.not.to.include('Proxmox');
    expect(errorOf(inventory, 'no-config').code).to.equal('ContainerNotFound');
    expect(errorOf(inventory, `lxc:${other}/web`).message)
      .to.include(other)
      .and.not.to.include(one);
  });

  it('says that a number is no VMID where no container has it for a name', () => {
    for (const word of ['98', '0101', '1000000000']) expect(errorOf(inventory, word).code, word).to.equal('UsageError');
    expect(errorOf(inventory, '102').code).to.equal('ContainerNotFound');
  });

  it('does not take a missing Proxmox for a missing container', () => {
    expect(errorOf(inventory, 'pve:101').code).to.equal('PlatformUnreachable');
  });

  it('finds nothing of plain LXC on a Proxmox node that was named, and asks no Proxmox', () => {
    expect(errorOf(inventory, 'web', 'pve2').code).to.equal('PlatformUnreachable');
  });

  it('says which platforms it cannot serve yet', () => {
    for (const word of ['docker:web', 'k8s:ns/pod', 'vm:200', 'vsock:3', 'host:']) {
      expect(errorOf(inventory, word).code, word).to.equal('NoMethodAvailable');
    }
  });
});

describe('locating a container on a Proxmox node', () => {
  let inventory: HostInventory;
  let lxcpath: string;

  before(() => {
    const tree = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 101, hostname: 'web' },
        { vmid: 102, hostname: 'twin', lock: 'backup' },
        { vmid: 103, hostname: 'twin' },
        { vmid: 104, hostname: '101' },
        { vmid: 105, hostname: 'plain' },
        { vmid: 202, hostname: 'away', node: 'pve2' },
      ],
      qemu: [{ vmid: 300 }],
    });
    lxcpath = lxcpathWith('plain', 'alone', '101');
    inventory = { lxcpaths: [lxcpath], pve: new NodeConfig(tree.dir) };
  });

  const WEB = {
    id: '101',
    name: 'web',
    platform: 'proxmox',
    node: 'pve1',
    lxc: { name: '101', lxcpath: DEFAULT_LXCPATH },
  };

  it('finds it by VMID and by host name, with the node named or not', () => {
    for (const word of ['pve:101', 'pve:web', 'pve:pve1/101', 'pve:pve1/web', 'web']) {
      expect(locate(parseReference(word), inventory), word).to.deep.equal(WEB);
    }
    expect(locate(parseReference('web'), inventory, 'pve1')).to.deep.equal(WEB);
    expect(locate(parseReference('alone'), inventory).platform).to.equal('lxc');
  });

  it('takes a number for a VMID, even if it is the host name of another', () => {
    expect(locate(parseReference('pve:101'), inventory).id).to.equal('101');
  });

  it('knows the lock of the present, not that of a snapshot', () => {
    expect(locate(parseReference('102'), inventory).lock).to.equal('backup');
    expect(locate(parseReference('pve:101'), inventory)).not.to.have.property('lock');
  });

  it('refuses a host name that two have, and a name on both platforms', () => {
    const { code, message } = errorOf(inventory, 'twin');
    expect(code).to.equal('AmbiguousContainer');
    expect(message).to.include('pve:102').and.to.include('pve:103');
    for (const word of ['plain', '101']) {
      const error = errorOf(inventory, word);
      expect(error.code, word).to.equal('AmbiguousContainer');
      expect(error.message).to.include(`lxc:${lxcpath}/${word}`);
    }
    expect(locate(parseReference('lxc:plain'), inventory).platform).to.equal('lxc');
  });

  it('does not list a container of Proxmox a second time, nor what a migrated one left here', async () => {
    const vmid = String(700_000_000 + (process.pid % 100_000) * 2);
    const away = String(Number(vmid) + 1);
    const tree = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: Number(vmid), hostname: 'here' },
        { vmid: Number(away), node: 'pve2' },
      ],
    });
    const inDefault: HostInventory = { lxcpaths: [DEFAULT_LXCPATH], pve: new NodeConfig(tree.dir) };
    for (const name of [vmid, away]) {
      const container = await createContainer({ kind: 'busybox', name });
      try {
        expect(errorOf(inDefault, `lxc:${name}`).code).to.equal('ContainerNotFound');
        if (name === vmid) expect(locate(parseReference(name), inDefault).platform).to.equal('proxmox');
        else expect(errorOf(inDefault, name)).to.deep.include({ code: 'NoMethodAvailable', hint: 'run this on pve2' });
      } finally {
        await container.destroy();
      }
    }
  });

  it('says on which node a container is', () => {
    for (const word of ['202', 'pve:202', 'pve:pve2/202']) {
      const { code, message, hint } = errorOf(inventory, word);
      expect(code, word).to.equal('NoMethodAvailable');
      expect(message).to.include('pve2').and.to.include('pve1');
      expect(hint).to.equal('run this on pve2');
    }
  });

  it('does not find it on a node where it is not', () => {
    expect(errorOf(inventory, 'pve:pve2/101').code).to.equal('ContainerNotFound');
    expect(errorOf(inventory, 'pve:101', 'pve2').code).to.equal('ContainerNotFound');
    expect(errorOf(inventory, 'pve:pve2/web').code).to.equal('ContainerNotFound');
  });

  it('does not run in a container of this node when another node was named', () => {
    expect(errorOf(inventory, 'web', 'pve2').code).to.equal('ContainerNotFound');
  });

  it('knows a virtual machine when it is named', () => {
    for (const word of ['300', 'pve:300']) {
      expect(errorOf(inventory, word)).to.deep.include({ code: 'NoMethodAvailable' });
      expect(errorOf(inventory, word).message).to.include('QEMU');
    }
  });

  it('says where it looked', () => {
    expect(errorOf(inventory, '199').message).to.include('Proxmox node pve1').and.to.include(lxcpath);
    expect(errorOf(inventory, 'pve:199').message).not.to.include(lxcpath);
    expect(errorOf(inventory, 'lxc:199').message).not.to.include('Proxmox');
  });
});

describe('the inventory of this host', () => {
  it('is where the settings say', () => {
    const tree = createPveTree({ node: 'pve7' });
    const lxcpath = lxcpathWith('web');
    const inventory = hostInventory({ lxcpath: [lxcpath], pveDirectory: tree.dir });
    expect(inventory.lxcpaths).to.deep.equal([lxcpath, DEFAULT_LXCPATH]);
    expect(inventory.pve.node).to.equal('pve7');
  });
});

describe('locating a container anywhere in the cluster', () => {
  const tree = createPveTree({
    node: 'pve1',
    containers: [
      { vmid: 101, hostname: 'web' },
      { vmid: 202, hostname: 'away', node: 'pve2', lock: 'backup' },
      { vmid: 203, hostname: 'web', node: 'pve2' },
      { vmid: 204, hostname: 'far', node: 'pve3' },
    ],
    qemu: [{ vmid: 300, node: 'pve2' }],
    members: [
      { name: 'pve2', ip: '192.0.2.2' },
      { name: 'pve3', online: false },
    ],
  });
  const inventory: HostInventory = { lxcpaths: [lxcpathWith('plain')], pve: new NodeConfig(tree.dir) };
  const find = (word: string, node?: string) => locate(parseReference(word), inventory, node, 'cluster');
  const away = {
    id: '202',
    name: 'away',
    platform: 'proxmox',
    node: 'pve2',
    lock: 'backup',
    remote: {
      ssh: {
        destination: 'root@192.0.2.2',
        options: ['-e', 'none', '-o', 'BatchMode=yes', '-o', 'HostKeyAlias=pve2'],
        sudo: false,
      },
    },
  };

  it('finds it by VMID and by host name, with the node named or not', () => {
    for (const word of ['202', 'away', 'pve:202', 'pve:pve2/away']) expect(find(word), word).to.deep.equal(away);
    expect(find('away', 'pve2')).to.deep.equal(away);
  });

  it('finds those of this host as ever', () => {
    expect(find('101')).to.deep.include({ id: '101', node: 'pve1', lxc: { name: '101', lxcpath: DEFAULT_LXCPATH } });
    expect(find('plain')).to.deep.include({ platform: 'lxc' });
  });

  it('does not choose between nodes', () => {
    expect(() => find('web')).to.throw(LxcriError, /pve:101, pve:203/);
    expect(find('web', 'pve2').id).to.equal('203');
    expect(find('web', 'pve1').id).to.equal('101');
  });

  it('does not find it on a node where it is not', () => {
    expect(() => find('202', 'pve3')).to.throw(LxcriError, /no container 202/);
    expect(() => find('300')).to.throw(LxcriError, /QEMU/);
  });

  it('says that a node is offline', () => {
    expect(() => find('204')).to.throw(LxcriError, /pve3 is offline/);
  });

  it('refuses what cannot be the name of a node', () => {
    expect(() => find('101', '../pve2')).to.throw(LxcriError, /cannot be the name of a node/);
    expect(() => find('101', '-oProxyCommand=x')).to.throw(LxcriError, /cannot be the name of a node/);
  });

  it('takes the word of a host outside of any cluster for the node', () => {
    const laptop: HostInventory = { lxcpaths: [], pve: new NodeConfig('/nonexistent') };
    expect(locate(parseReference('pve:pve2/web'), laptop, undefined, 'cluster')).to.deep.equal({
      id: 'web',
      name: 'web',
      platform: 'proxmox',
      node: 'pve2',
      remote: { ssh: { destination: 'pve2', options: [], sudo: false } },
    });
    expect(() => locate(parseReference('pve:202'), laptop, undefined, 'cluster')).to.throw(
      LxcriError,
      /not a Proxmox VE node/,
    );
  });
});
