/** A cluster of some size: three nodes and a hundred containers, listed and filtered through the built `ps`. */
import { expect } from 'chai';

import { TOKEN_SECRET, takeRequests } from '../proxmox/api/clients.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const NODES = ['pve1', 'pve2', 'pve3'];
const COUNT = 100;

interface Listed {
  id: string;
  name: string;
  node: string;
  status: string;
  tags: string[];
  pool: string | null;
}

describe('ps of a hundred containers on three nodes', () => {
  let cluster: Cluster;
  let place: LoginPlace;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: NODES,
      // Most are only configured; the first of each node is real, and runs.
      containers: Array.from({ length: COUNT }, (_, index) => ({
        vmid: 100 + index,
        hostname: `ct${index}`,
        node: NODES[index % NODES.length] ?? '',
        tags: index % 10 === 0 ? 'tenth;all' : 'all',
        ...(index % 25 === 0 ? { pool: 'quarter' } : {}),
        ...(index < NODES.length ? { kind: 'busybox' as const, running: true } : {}),
      })),
      users: { 'root@pam': { tokens: { full: { secret: TOKEN_SECRET } } } },
      settings: { refusalMs: 300 },
    });
    place = loginPlace();
    const { port, fingerprint } = cluster.host('pve1');
    const pin = ['--host', `127.0.0.1:${port}`, '--fingerprint', fingerprint];
    const done = await place.cli(['login', 'home', ...pin, '--token', 'root@pam!full', '--token-stdin'], {
      stdin: TOKEN_SECRET,
    });
    expect(done.exitCode, done.stderr.toString()).to.equal(0);
  });

  after(() => cluster?.close());

  beforeEach(() => takeRequests(cluster));

  async function list(...words: string[]): Promise<Listed[]> {
    return (await place.document('ps', ['ps', '--context', 'home', ...words]))['containers'] as Listed[];
  }

  const ids = async (...words: string[]): Promise<number[]> => (await list(...words)).map(({ id }) => Number(id));

  it('is one round trip to the API', async () => {
    const listed = await list();
    expect(listed.map(({ id }) => Number(id))).to.deep.equal(Array.from({ length: COUNT }, (_, index) => 100 + index));
    expect(listed.filter(({ status }) => status === 'running').map(({ id }) => id)).to.deep.equal([
      '100',
      '101',
      '102',
    ]);
    expect(takeRequests(cluster)).to.deep.equal(['pve1 GET /cluster/resources?type=vm -> 200']);
  });

  it('is filtered across the nodes by tag, pool, node, VMID, name and status, in one round trip each', async () => {
    const tens = [100, 110, 120, 130, 140, 150, 160, 170, 180, 190];
    expect(await ids('-f', 'tag=tenth')).to.deep.equal(tens);
    expect(await ids('-f', 'pool=quarter')).to.deep.equal([100, 125, 150, 175]);
    expect(await ids('-f', 'node=pve3', '-f', 'tag=tenth')).to.deep.equal([120, 150, 180]);
    expect(await ids('-f', 'id=142', '-f', 'id=199')).to.deep.equal([142, 199]);
    expect(await ids('-f', 'name=^ct9.$')).to.have.members(Array.from({ length: 10 }, (_, index) => 190 + index));
    expect(await ids('-f', 'status=running', '--sort', '-node')).to.deep.equal([102, 101, 100]);
    expect(takeRequests(cluster)).to.deep.equal(
      Array.from({ length: 6 }, () => 'pve1 GET /cluster/resources?type=vm -> 200'),
    );
  });

  it('tells the guests of an offline node as unknown, not as stopped, and keeps the others', async () => {
    await cluster.setNodeOffline('pve3');
    try {
      const listed = await list();
      const unknown = listed.filter(({ status }) => status === 'unknown');
      expect([listed.length, unknown.length]).to.deep.equal([COUNT, 33]);
      expect(new Set(unknown.map(({ node }) => node))).to.deep.equal(new Set(['pve3']));
      expect(unknown.every(({ id, name }) => id === name)).to.equal(true);
      expect(await ids('-f', 'status=unknown', '-f', 'id=102')).to.deep.equal([102]);
    } finally {
      await cluster.setNode('pve3', 'online');
    }
  });

  it('shows what the cluster last knew where its data are old, and state asks the node itself', async () => {
    const statistics = cluster.settings.statistics;
    await list();
    cluster.settings.statistics = 'held';
    try {
      await place.document('stop', ['stop', '--context', 'home', '--force', '101']);
      expect((await list('-f', 'id=101'))[0]?.status).to.equal('running');
      const state = await place.document('state', ['state', '--context', 'home', '101']);
      expect(state['status']).to.equal('stopped');
    } finally {
      cluster.settings.statistics = statistics;
    }
    expect((await list('-f', 'id=101'))[0]?.status).to.equal('stopped');
  });
});
