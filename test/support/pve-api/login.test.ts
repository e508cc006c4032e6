import { expect } from 'chai';
import { totpCode } from '../pve/api/access/second-factor.ts';
import { type Cluster, createCluster, type Host } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { type ApiAnswer, ask, dataOf, login, ticketHeaders } from './ask.ts';

const SECRET = 'JBSWY3DPEHPK3PXP';
const HOUR = 3600;

describe('logging in at the double of the Proxmox API', () => {
  let cluster: Cluster;
  let host: Host;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      settings: { refusalMs: 50 },
      containers: [{ vmid: 101 }, { vmid: 102, pool: 'web' }],
      users: {
        'root@pam': { password: 'rootpw' },
        'plain@pve': { password: 'pw', acl: { '/vms/101': 'PVEVMUser' }, tokens: { all: {} } },
        'pool@pve': { password: 'pw', acl: { '/pool/web': 'PVEVMAdmin', '/vms': 'PVEAuditor' } },
        'odd@pve': {
          password: 'pw',
          acl: { '/': 'PVEAdmin', '/vms/101': 'NoAccess', '/nodes': ['Sys.Audit'] },
          tokens: { less: { acl: { '/vms': 'PVEAuditor' } }, more: { acl: { '/': 'Administrator' } } },
        },
        'two@pve': {
          password: 'pw',
          secondFactor: { totpSecret: SECRET, recoveryKeys: ['aaaa-bbbb', 'cccc-dddd'] },
        },
      },
    });
    [host] = cluster.hosts as [Host];
  });

  after(() => cluster?.close());

  function ticket(fields: Record<string, string>): Promise<ApiAnswer> {
    return ask(host, '/access/ticket', { method: 'POST', body: new URLSearchParams(fields).toString() });
  }

  it('takes three seconds to refuse, if no test says otherwise', async () => {
    const slow = await createCluster({ nodes: ['pve1'] });
    try {
      const [only] = slow.hosts as [Host];
      const answer = await ask(only, '/version');
      expect(answer).to.include({ status: 401, reason: 'No ticket', text: '' });
      expect(answer.milliseconds).to.be.within(2990, 20_000);
    } finally {
      await slow.close();
    }
  });

  it('gives tickets that all nodes take, until they are old', async () => {
    const { headers } = await login(host, 'plain@pve', 'pw');
    for (const each of cluster.hosts) expect(await ask(each, '/version', { headers })).to.include({ status: 200 });
    cluster.advanceClock(2 * HOUR + 1);
    expect(await ask(host, '/version', { headers })).to.include({ status: 401, reason: 'Authentication failed!' });
  });

  it('renews a ticket that is valid, and no other', async () => {
    const old = await login(host, 'plain@pve', 'pw');
    cluster.advanceClock(HOUR);
    const renewed = dataOf(await ticket({ username: 'plain@pve', password: old.ticket })) as Record<string, unknown>;
    cluster.advanceClock(1.5 * HOUR);
    const headers = ticketHeaders(String(renewed['ticket']), String(renewed['CSRFPreventionToken']));
    expect(await ask(host, '/version', { headers })).to.include({ status: 200 });
    expect(await ticket({ username: 'plain@pve', password: old.ticket })).to.include({ status: 401 });
    expect(await ticket({ username: 'root@pam', password: String(renewed['ticket']) })).to.include({ status: 401 });
  });

  it('wants the token against forged requests with every change, and that of the same user', async () => {
    const [plain, root] = [await login(host, 'plain@pve', 'pw'), await login(host, 'root@pam', 'rootpw')];
    const path = '/nodes/pve1/lxc/101/status/stop';
    const wrong = { ...plain.headers, CSRFPreventionToken: root.csrf };
    const answer = await ask(host, path, { method: 'POST', headers: wrong });
    expect(answer).to.include({ reason: 'Permission denied - invalid csrf token', text: '' });
    const right = await ask(host, path, { method: 'POST', headers: plain.headers });
    expect(right.reason).to.equal('CT 101 not running');
  });

  it('knows a ticket that was changed', async () => {
    const { ticket: good, csrf } = await login(host, 'plain@pve', 'pw');
    const headers = ticketHeaders(good.replace('plain@pve', 'root@pam'), csrf);
    expect(await ask(host, '/version', { headers })).to.include({ status: 401 });
  });

  it('asks for the second factor, and takes a code once', async () => {
    const half = dataOf(await ticket({ username: 'two@pve', password: 'pw' })) as Record<string, unknown>;
    expect(half).to.include({ NeedTFA: 1, username: 'two@pve' });
    expect(half).not.to.have.property('cap');
    expect(half['ticket']).to.match(/^PVE:!tfa!\{"totp"%3Atrue,"recovery"%3A\[0,1\]\}:[0-9A-F]{8}::/);
    const answer = {
      username: 'two@pve',
      'tfa-challenge': String(half['ticket']),
      password: `totp:${totpCode(SECRET, cluster.now())}`,
    };
    const whole = dataOf(await ticket(answer)) as Record<string, unknown>;
    expect(whole).to.have.property('cap');
    expect(await ask(host, '/version', { headers: ticketHeaders(String(whole['ticket']), '') })).to.include({
      status: 200,
    });
    expect(await ticket(answer)).to.include({ status: 401 });
  });

  it('takes a recovery key once, and shows which are left', async () => {
    const half = dataOf(await ticket({ username: 'two@pve', password: 'pw' })) as Record<string, unknown>;
    const answer = { username: 'two@pve', 'tfa-challenge': String(half['ticket']), password: 'recovery:aaaa-bbbb' };
    expect(dataOf(await ticket(answer))).to.have.property('cap');
    expect(await ticket(answer)).to.include({
      status: 401,
      text: '{"data":null,"message":"authentication failure\\n"}',
    });
    const next = dataOf(await ticket({ username: 'two@pve', password: 'pw' })) as Record<string, unknown>;
    expect(next['ticket']).to.include('"recovery"%3A[1]');
  });

  it('takes the second factor in one step too', async () => {
    const fields = { username: 'two', realm: 'pve', password: 'pw' };
    expect(dataOf(await ticket({ ...fields, otp: 'recovery:cccc-dddd' }))).to.have.property('cap');
    expect(await ticket({ ...fields, otp: 'totp:000000' })).to.include({ status: 401 });
  });

  it('says which parameter is missing', async () => {
    const { status, json } = await ticket({ username: 'plain@pve' });
    expect(status).to.equal(400);
    expect(json?.errors).to.deep.equal({ password: 'property is missing and it is not optional' });
  });

  describe('and what one may then do', () => {
    async function privileges(headers: Record<string, string>, path: string): Promise<string[]> {
      const answer = await ask(host, `/access/permissions?path=${path}`, { headers });
      return Object.keys((dataOf(answer) as Record<string, object>)[path] ?? {});
    }
    const token = (user: string, id: string): Record<string, string> => ({
      Authorization: cluster.tokenHeader(user, id),
    });

    it('comes from the nearest path, and for a guest from its pool too', async () => {
      const pool = (await login(host, 'pool@pve', 'pw')).headers;
      expect(await privileges(pool, '/vms/102')).to.include.members(['VM.PowerMgmt', 'VM.Audit']);
      expect(await privileges(pool, '/vms/101'))
        .to.include('VM.Audit')
        .and.not.to.include('VM.PowerMgmt');
      const odd = (await login(host, 'odd@pve', 'pw')).headers;
      expect(await privileges(odd, '/vms/101')).to.deep.equal([]);
      expect(await privileges(odd, '/vms/102')).to.include('VM.PowerMgmt');
      expect(await privileges(odd, '/nodes/pve1')).to.deep.equal(['Sys.Audit']);
    });

    it('is what its user may, for a token without a list; with one it is what both may', async () => {
      expect(await privileges(token('plain@pve', 'all'), '/vms/101')).to.include('VM.Console');
      expect(await privileges(token('odd@pve', 'less'), '/vms/102'))
        .to.include('VM.Audit')
        .and.not.to.include('VM.Console');
      expect(await privileges(token('odd@pve', 'less'), '/vms/101')).to.deep.equal([]);
      expect(await privileges(token('odd@pve', 'more'), '/nodes/pve1')).to.deep.equal(['Sys.Audit']);
    });

    it('is for others to see only with a privilege', async () => {
      const headers = token('odd@pve', 'less');
      const { reason } = await ask(host, '/access/permissions?userid=root@pam', { headers });
      expect(reason).to.equal('Permission check failed (/access, Sys.Audit)');
    });

    it('limits what lists show', async () => {
      const headers = token('plain@pve', 'all');
      const guests = dataOf(await ask(host, '/cluster/resources?type=vm', { headers })) as { vmid: number }[];
      expect(guests.map(({ vmid }) => vmid)).to.deep.equal([101]);
      const nodes = dataOf(await ask(host, '/nodes', { headers })) as object[];
      expect(nodes[0]).to.deep.equal({
        id: 'node/pve1',
        node: 'pve1',
        type: 'node',
        status: 'online',
      });
    });
  });
});
