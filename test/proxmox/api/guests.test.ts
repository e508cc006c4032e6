import { expect } from 'chai';

import type { ApiClient } from '../../../src/proxmox/api/client.ts';
import { currentStatus, guestPath, listGuests } from '../../../src/proxmox/api/guests.ts';
import { shutDownGuest, startGuest, stopGuest } from '../../../src/proxmox/api/power.ts';
import { waitForTask } from '../../../src/proxmox/api/tasks.ts';
import type { Task } from '../../../src/proxmox/api/tasks.ts';
import { createCluster } from '../../support/pve/api/cluster.ts';
import type { Cluster } from '../../support/pve/api/cluster.ts';
import { USERS, clientOf, failureOf, pinned, takeRequests } from './clients.ts';

const CONTAINER = { node: 'pve2', type: 'lxc', vmid: '102' } as const;

describe('guests', () => {
  let cluster: Cluster;
  let client: ApiClient;

  before(async () => {
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      users: USERS,
      containers: [
        { vmid: 101, hostname: 'web', lock: 'backup', pool: 'blue' },
        { vmid: 102, hostname: 'db', node: 'pve2', kind: 'busybox' },
        { vmid: 103, hostname: 'base', template: true },
      ],
      machines: [{ vmid: 200, name: 'machine', running: true, tags: 'a;b' }],
    });
    client = clientOf([pinned(cluster.host('pve1'))]);
  });

  after(() => cluster.close());

  it('lists all guests of the cluster in one round trip', async () => {
    takeRequests(cluster);
    const guests = await listGuests(client);
    expect(takeRequests(cluster)).to.have.length(1);
    expect(guests.map(({ vmid, type, node, name }) => [vmid, type, node, name].join(' '))).to.have.members([
      '101 lxc pve1 web',
      '102 lxc pve2 db',
      '103 lxc pve1 base',
      '200 qemu pve1 machine',
    ]);
    const byId = Object.fromEntries(guests.map((guest) => [guest.vmid, guest]));
    expect(byId['101']).to.include({ status: 'stopped', lock: 'backup', pool: 'blue', uptime: undefined });
    expect(byId['103']).to.include({ template: true });
    expect(byId['200']).to.deep.include({ status: 'running', tags: ['a', 'b'] });
  });

  it('knows neither the name nor the state of what is on a node that is down', async () => {
    await cluster.setNodeOffline('pve2');
    const guests = await listGuests(client);
    await cluster.setNode('pve2', 'online');
    expect(guests.find(({ vmid }) => vmid === '102')).to.deep.include({
      status: 'unknown',
      name: undefined,
      node: 'pve2',
    });
  });

  it('starts, shuts down and stops a guest on another node', async () => {
    const done = async (task: Task): Promise<unknown> => (await waitForTask(client, task, { timeoutMs: 30_000 })).ok;
    expect(await currentStatus(client, CONTAINER)).to.deep.include({ status: 'stopped', pid: undefined });
    expect(await done(await startGuest(client, CONTAINER))).to.equal(true);
    const { status, name, pid, isHaManaged } = await currentStatus(client, CONTAINER);
    expect({ status, name, isHaManaged }).to.deep.equal({ status: 'running', name: 'db', isHaManaged: false });
    expect(pid).to.be.greaterThan(1);
    expect((await failureOf(startGuest(client, CONTAINER))).message).to.include('already running');
    expect(await done(await shutDownGuest(client, CONTAINER, 20))).to.equal(true);
    expect(await currentStatus(client, CONTAINER)).to.include({ status: 'stopped' });
    await done(await startGuest(client, CONTAINER));
    expect(await done(await stopGuest(client, CONTAINER))).to.equal(true);
    expect(await currentStatus(client, CONTAINER)).to.include({ status: 'stopped' });
  });

  it('encodes the name of a node, which a server says', () => {
    expect(guestPath({ node: '../x', type: 'lxc', vmid: '101' })).to.equal('/nodes/..%2Fx/lxc/101');
  });
});
