import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';

import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { listContainers, listEverything } from '../../src/oci/list.ts';
import type { Cluster } from '../../src/oci/cluster.ts';
import { locate } from '../../src/oci/locate.ts';
import type { HostInventory } from '../../src/oci/locate.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { clientOf, pinned } from '../proxmox/api/clients.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { httpAnswer, openTlsServer } from '../support/tls-server.ts';
import { clusterOf } from './clusters.ts';

function lxcpathWith(...names: string[]): string {
  const lxcpath = scratchDirectory();
  for (const name of names) {
    mkdirSync(`${lxcpath}/${name}`);
    writeFileSync(`${lxcpath}/${name}/config`, '');
  }
  return lxcpath;
}

const NO_PROXMOX = new NodeConfig('/nonexistent');

describe('the list of containers', () => {
  it('names each so that it is found by that, and by nothing shorter where that is not enough', async () => {
    const tree = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 901, hostname: 'web' },
        { vmid: 902, hostname: 'web' },
        { vmid: 903, hostname: 'db', lock: 'backup' },
        { vmid: 904, hostname: 'elsewhere', node: 'pve2' },
      ],
    });
    const paths = [lxcpathWith('db', 'plain', 'twin'), lxcpathWith('twin', '902')];
    const inventory: HostInventory = { lxcpaths: paths, pve: new NodeConfig(tree.dir) };
    const list = await listContainers(inventory);
    expect(list.map(({ reference, id, name }) => [reference, id, name])).to.have.deep.members([
      ['901', '901', 'web'],
      ['pve:902', '902', 'web'],
      ['903', '903', 'db'],
      [`lxc:${paths[0]}/db`, 'db', 'db'],
      ['plain', 'plain', 'plain'],
      [`lxc:${paths[0]}/twin`, 'twin', 'twin'],
      [`lxc:${paths[1]}/twin`, 'twin', 'twin'],
      [`lxc:${paths[1]}/902`, '902', '902'],
    ]);
    for (const { reference, id, platform, lxcpath } of list) {
      const found = locate(parseReference(reference), inventory);
      expect([found.id, found.platform, found.lxc?.lxcpath], reference).to.deep.equal([id, platform, lxcpath]);
    }
    expect(list.slice(0, 3).map(({ platform }) => platform)).to.deep.equal(['proxmox', 'proxmox', 'proxmox']);
    expect(list.find(({ id }) => id === '903')).to.include({
      lock: 'backup',
      node: 'pve1',
      status: 'stopped',
      pid: null,
    });
  });

  it('names guests of the only context by less only where this host can have no such container', async () => {
    const data = ['web', 'db'].map((name, index) => ({
      id: `lxc/${101 + index}`,
      type: 'lxc',
      vmid: 101 + index,
      node: 'pve9',
      status: 'running',
      name,
      template: 0,
    }));
    const server = await openTlsServer((socket) => socket.write(httpAnswer('200 OK', JSON.stringify({ data }))));
    try {
      const cluster = clusterOf(clientOf([pinned(server)]));
      const named = async (lxcpath: string, pve: NodeConfig): Promise<string[]> => {
        const clusters = (): Promise<Cluster[]> => Promise.resolve([cluster]);
        const { containers } = await listEverything({ lxcpaths: [lxcpath], pve, clusters });
        return containers.filter(({ context }) => context !== null).map(({ reference }) => reference);
      };
      expect(await named(lxcpathWith('102'), NO_PROXMOX)).to.deep.equal(['101', 'pve:102@home']);
      const tree = createPveTree({ node: 'pve1', containers: [] });
      expect(await named(lxcpathWith(), new NodeConfig(tree.dir))).to.deep.equal(['pve:101@home', 'pve:102@home']);
    } finally {
      await server.close();
    }
  });

  it('has all others where an engine says nothing until it is too late, or what no engine says', async () => {
    const lxcpath = lxcpathWith('ct');
    const path = `${lxcpath}/s`;
    const answers: string[] = ['', httpAnswer('200 OK', '{}'), httpAnswer('200 OK', '<html>')];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      socket.write(answers.shift() ?? '');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      for (const code of ['ExecutionTimeout', 'PlatformUnreachable', 'PlatformUnreachable']) {
        const late = new AbortController();
        if (code === 'ExecutionTimeout')
          server.once('connection', () => late.abort(new LxcriError('ExecutionTimeout', 'too late')));
        const inventory = { lxcpaths: [lxcpath], pve: NO_PROXMOX, docker: { DOCKER_HOST: `unix://${path}` } };
        // oxlint-disable-next-line no-await-in-loop -- one answer after the other
        const { containers, unreachable } = await listEverything(inventory, undefined, late.signal);
        expect(containers.map(({ id }) => id)).to.deep.equal(['ct']);
        expect(unreachable.map(({ context, error }) => [context, error.code])).to.deep.equal([['docker', code]]);
        expect(unreachable[0]?.error.message).to.match(/Docker engine/);
      }
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it('is empty where there is nothing, and of what can be a container', async () => {
    const lxcpath = lxcpathWith('ct');
    mkdirSync(`${lxcpath}/no-config`);
    mkdirSync(`${lxcpath}/.hidden`);
    writeFileSync(`${lxcpath}/file`, '');
    const names = await listContainers({ lxcpaths: ['/nonexistent', lxcpath], pve: NO_PROXMOX });
    expect(names.map(({ id }) => id)).to.deep.equal(['ct']);
    expect(await listContainers({ lxcpaths: [], pve: NO_PROXMOX })).to.deep.equal([]);
  });

  it('is not empty because a directory cannot be read', async () => {
    const file = `${scratchDirectory()}/file`;
    writeFileSync(file, '');
    const failed = await listContainers({ lxcpaths: [file], pve: NO_PROXMOX }).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(LxcriError).with.property('code', 'PlatformUnreachable');
  });
});
