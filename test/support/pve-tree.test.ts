import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPveTree } from './pve/tree.ts';

describe('the file tree of a Proxmox node', () => {
  const tree = createPveTree({
    node: 'pve1',
    containers: [
      { vmid: 101, hostname: 'web', unprivileged: true },
      { vmid: 102, lock: 'backup' },
      { vmid: 900, template: true },
      { vmid: 202, node: 'pve2' },
    ],
    qemu: [{ vmid: 300, name: 'windows' }],
    members: [{ name: 'pve3', ip: '10.0.0.3', online: false }],
  });

  function read(path: string): string {
    return readFileSync(join(tree.dir, path), 'utf8');
  }

  it('has the local containers behind the link, and those of other nodes beside', () => {
    expect(readlinkSync(join(tree.dir, 'lxc'))).to.equal('nodes/pve1/lxc');
    expect(readdirSync(join(tree.dir, 'lxc'))).to.have.members(['101.conf', '102.conf', '900.conf']);
    expect(readdirSync(join(tree.dir, 'nodes/pve2/lxc'))).to.deep.equal(['202.conf']);
    expect(readdirSync(join(tree.dir, 'qemu-server'))).to.deep.equal(['300.conf']);
    expect(tree.configPath(202)).to.equal(join(tree.dir, 'nodes/pve2/lxc/202.conf'));
  });

  it('has other values for the same keys in the sections of a configuration', () => {
    const [current = '', ...sections] = read('lxc/101.conf').split(/^\[.*\]$/m);
    expect(current)
      .to.match(/^hostname: web$/m)
      .and.to.match(/^unprivileged: 1$/m);
    expect(current).not.to.match(/^lock:/m);
    expect(sections).to.have.length(2);
    expect(sections.join())
      .to.match(/^hostname: web-before$/m)
      .and.to.match(/^lock: snapshot$/m);
    expect(read('lxc/102.conf')).to.match(/^lock: backup$/m);
    expect(read('lxc/900.conf')).to.match(/^template: 1$/m);
  });

  it('lists guests and members as pmxcfs does', () => {
    const vmlist = JSON.parse(read('.vmlist')) as { ids: Record<string, { node: string; type: string }> };
    expect(vmlist.ids['202']).to.include({ node: 'pve2', type: 'lxc' });
    expect(vmlist.ids['300']).to.include({ node: 'pve1', type: 'qemu' });
    expect(read('.vmlist')).to.include('"101": { "node": "pve1", "type": "lxc", "version": 1 }');
    const members = JSON.parse(read('.members')) as { nodename: string; nodelist: Record<string, object> };
    expect(members.nodename).to.equal('pve1');
    expect(members.nodelist).to.have.all.keys('pve1', 'pve2', 'pve3');
    expect(members.nodelist['pve3']).to.deep.equal({ id: 3, online: 0, ip: '10.0.0.3' });
  });

  it('has no member list without a cluster', () => {
    const alone = createPveTree({ node: 'vm' });
    expect(JSON.parse(readFileSync(join(alone.dir, '.members'), 'utf8'))).to.deep.equal({ nodename: 'vm', version: 0 });
    expect(JSON.parse(readFileSync(join(alone.dir, '.vmlist'), 'utf8'))).to.deep.equal({ version: 0, ids: {} });
  });

  it('changes when a container is locked or made', () => {
    const changing = createPveTree({ node: 'vm', containers: [{ vmid: 101 }] });
    changing.putContainer({ vmid: 101, lock: 'migrate' });
    changing.putContainer({ vmid: 103 });
    expect(readFileSync(changing.configPath(101), 'utf8')).to.match(/^lock: migrate$/m);
    const vmlist = JSON.parse(readFileSync(join(changing.dir, '.vmlist'), 'utf8')) as object;
    expect(vmlist).to.have.property('version', 3);
    expect(vmlist).to.have.property('ids').with.all.keys('101', '103');
  });
});
