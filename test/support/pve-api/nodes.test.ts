import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, createCluster, type Host } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { must } from '../run.ts';
import { ask, dataOf } from './ask.ts';

describe('the nodes of the double of the Proxmox API', () => {
  let cluster: Cluster;
  let hosts: [Host, Host, Host];
  let headers: Record<string, string>;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      settings: { refusalMs: 50, forwardMs: 300 },
      addresses: { pve3: '127.0.0.77' },
      users: { 'root@pam': { tokens: { t: {} } } },
      containers: [
        { vmid: 101, tags: 'web;prod' },
        { vmid: 102, node: 'pve2', pool: 'web', ha: true },
        { vmid: 103, node: 'pve3', lock: 'backup', template: true },
      ],
      machines: [{ vmid: 200, node: 'pve2', name: 'windows', running: true }],
    });
    hosts = cluster.hosts as [Host, Host, Host];
    headers = { Authorization: cluster.tokenHeader('root@pam', 't') };
  });

  afterEach(async () => {
    for (const { node } of hosts) await cluster.setNode(node, 'online');
    cluster.settings.statistics = 'live';
  });

  after(() => cluster?.close());

  async function resources(): Promise<Record<number, Record<string, unknown>>> {
    const entries = dataOf(await ask(hosts[0], '/cluster/resources?type=vm', { headers })) as { vmid: number }[];
    return Object.fromEntries(entries.map((entry) => [entry.vmid, entry]));
  }

  it('tell of the whole cluster in one answer', async () => {
    const all = await resources();
    expect(all[101]).to.include({ node: 'pve1', name: 'ct101', tags: 'web;prod', status: 'stopped', template: 0 });
    expect(all[102]).to.include({ node: 'pve2', pool: 'web', hastate: 'started' });
    expect(all[103]).to.include({ node: 'pve3', lock: 'backup', template: 1 });
    expect(all[200]).to.include({ id: 'qemu/200', type: 'qemu', name: 'windows', status: 'running' });
  });

  it('pass a request on to the node that it is for', async () => {
    const before = cluster.requests.length;
    const { json } = await ask(hosts[0], '/nodes/pve2/lxc/102/status/current', { headers });
    expect(json?.data).to.include({ vmid: 102, name: 'ct102' });
    expect(cluster.requests.slice(before)).to.deep.equal([
      {
        node: 'pve2',
        method: 'GET',
        path: '/api2/json/nodes/pve2/lxc/102/status/current',
        status: 200,
        forwarded: true,
      },
      {
        node: 'pve1',
        method: 'GET',
        path: '/api2/json/nodes/pve2/lxc/102/status/current',
        status: 200,
        forwarded: false,
      },
    ]);
  });

  it('pass on parameters and errors too', async () => {
    const body = 'timeout=soon';
    const path = '/nodes/pve2/lxc/102/status/shutdown';
    const bad = await ask(hosts[0], path, { method: 'POST', headers, body });
    expect(bad.json?.errors).to.deep.equal({ timeout: "type check ('integer') failed - got 'soon'" });
    const stopped = await ask(hosts[0], path, { method: 'POST', headers });
    expect(stopped).to.include({ status: 500, reason: 'CT 102 not running' });
  });

  it('say in the status line, and nowhere else, that another one cannot be reached', async () => {
    const path = '/nodes/pve2/lxc/102/status/current';
    await cluster.setNodeOffline('pve2');
    expect(await ask(hosts[0], path, { headers })).to.include({ status: 595, reason: 'Connection refused', text: '' });
    await cluster.setNode('pve2', 'silent');
    const silent = await ask(hosts[0], path, { headers });
    expect(silent).to.include({ status: 596, reason: 'Connection timed out', text: '' });
    expect(silent.milliseconds).to.be.at.least(295);
    await cluster.setNode('pve2', 'mistrusted');
    expect(await ask(hosts[0], path, { headers })).to.include({
      status: 596,
      reason: 'tls_process_server_certificate: certificate verify failed',
      text: '',
    });
    await cluster.setNode('pve2', 'online');
    expect(await ask(hosts[0], path, { headers })).to.include({ status: 200 });
  });

  it('know nothing but the place of guests on one that is gone', async () => {
    await cluster.setNodeOffline('pve2');
    expect((await resources())[102]).to.deep.equal({
      id: 'lxc/102',
      node: 'pve2',
      type: 'lxc',
      vmid: 102,
      status: 'unknown',
      pool: 'web',
      hastate: 'started',
    });
    const nodes = dataOf(await ask(hosts[0], '/nodes', { headers })) as { node: string; status: string }[];
    const statuses = nodes.map(({ node, status }) => `${node} ${status}`);
    expect(statuses).to.deep.equal(['pve1 online', 'pve2 offline', 'pve3 online']);
    const members = readFileSync(join(cluster.node('pve1').tree.dir, '.members'), 'utf8');
    expect(members).to.match(/"pve2": \{ "id": 2, "online": 0,/);
  });

  it('tell who is there, and whether they are enough', async () => {
    await cluster.setNodeOffline('pve2');
    const summary = async (): Promise<unknown> =>
      (dataOf(await ask(hosts[0], '/cluster/status', { headers })) as object[])[0];
    expect(await summary()).to.include({ type: 'cluster', name: 'test', nodes: 3, quorate: 1 });
    const members = dataOf(await ask(hosts[0], '/cluster/status', { headers })) as { name: string; ip?: string }[];
    expect(members.find(({ name }) => name === 'pve3')?.ip).to.equal('127.0.0.77');
    await cluster.setNodeOffline('pve3');
    expect(await summary()).to.include({ quorate: 0 });
  });

  it('tell what they last knew when what they know is held', async () => {
    await resources();
    cluster.settings.statistics = 'held';
    cluster.putContainer({ vmid: 101, hostname: 'renamed' });
    expect((await resources())[101]).to.include({ name: 'ct101' });
    cluster.settings.statistics = 'live';
    expect((await resources())[101]).to.include({ name: 'renamed' });
    cluster.putContainer({ vmid: 101, tags: 'web;prod' });
  });

  it('see at once what was configured later', async () => {
    cluster.putContainer({ vmid: 150, node: 'pve3', hostname: 'late' });
    expect((await resources())[150]).to.include({ name: 'late', node: 'pve3', status: 'stopped' });
    const { json } = await ask(hosts[0], '/nodes/pve3/lxc/150/status/current', { headers });
    expect(json?.data).to.include({ name: 'late' });
  });

  it('show the values of a configuration, with what waits for the next start unless it is not wanted', async () => {
    const path = '/nodes/pve1/lxc/101/config';
    const pending = await ask(hosts[0], path, { headers });
    const current = await ask(hosts[0], `${path}?current=1`, { headers });
    expect(pending.json?.data).to.include({ hostname: 'ct101-pending', cores: 2, tags: 'web;prod' });
    expect(current.json?.data).to.include({ hostname: 'ct101', description: 'hostname: described\nlock: described\n' });
    expect(current.json?.data)
      .to.have.property('digest')
      .that.matches(/^[0-9a-f]{40}$/);
  });

  it('list virtual machines, and how each is', async () => {
    const list = dataOf(await ask(hosts[0], '/nodes/pve2/qemu', { headers })) as object[];
    expect(list[0]).to.include({ vmid: 200, name: 'windows', status: 'running' });
    const current = await ask(hosts[0], '/nodes/pve2/qemu/200/status/current', { headers });
    expect(current.json?.data).to.deep.include({ qmpstatus: 'running', ha: { managed: 0 } });
    const wrong = await ask(hosts[0], '/nodes/pve2/lxc/200/status/current', { headers });
    expect(wrong.reason).to.equal("Configuration file 'nodes/pve2/lxc/200.conf' does not exist");
  });

  it('are each a host of their own to what runs there', async () => {
    const look = 'hostname; lxc-config lxc.lxcpath; pct list; cat /etc/pve/.members';
    const { world, lxcpath } = cluster.node('pve2');
    const { stdout } = await must([...(await world.prefix()), 'sh', '-c', look]);
    const [name, path, ...rest] = stdout.split('\n');
    expect([name, path]).to.deep.equal(['pve2', lxcpath]);
    expect(rest.join('\n'))
      .to.match(/^102 +stopped +ct102 +$/m)
      .and.to.include('"nodename": "pve2"');
    expect(rest.join('\n')).to.include('"pve3": { "id": 3, "online": 1, "ip": "127.0.0.77"}');
    // Nothing of it is seen outside.
    expect((await must(['lxc-config', 'lxc.lxcpath'])).stdout).not.to.include(lxcpath);
    expect((await must(['hostname'])).stdout).not.to.equal('pve2\n');
  });

  it('are gone when the cluster is closed, and so is what they had', async () => {
    const short = await createCluster({ nodes: ['pve1'], containers: [{ vmid: 101, kind: 'busybox', running: true }] });
    const [only] = short.hosts as [Host];
    const { lxcpath } = short.container(101);
    await short.close();
    const error = await ask(only, '/version').catch((reason: NodeJS.ErrnoException) => reason.code);
    expect(error).to.equal('ECONNREFUSED');
    expect(existsSync(join(lxcpath, '101'))).to.equal(false);
  });

  it('are gone too when not all of the cluster can be made', async () => {
    const containers = [
      { vmid: 101, kind: 'busybox', running: true },
      { vmid: 102, kind: 'busybox', node: 'elsewhere' },
    ] as const;
    const error = await createCluster({ nodes: ['pve1'], containers }).catch((reason: Error) => reason.message);
    expect(error).to.equal('container 102 cannot be real on a node that is not there');
    expect(readFileSync('/proc/net/unix', 'utf8')).not.to.match(new RegExp(`plx-${process.pid}-.*/101/command$`, 'm'));
  });
});
