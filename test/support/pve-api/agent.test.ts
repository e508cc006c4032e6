/** The guest agents of the double's virtual machines, as qemu-server 9.1 and the agent's own source have it. */
import { expect } from 'chai';
import { type Cluster, createCluster } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { waitFor } from '../wait-for.ts';
import { type ApiAnswer, ask } from './ask.ts';

describe('guest agents of the double', () => {
  let cluster: Cluster;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      machines: [
        { vmid: 300, running: true, kind: 'busybox' },
        { vmid: 301, running: true, agent: false, kind: 'busybox' },
        { vmid: 302 },
        { vmid: 303, running: true, kind: 'busybox', os: 'mswindows' },
      ],
      users: {
        'ro@pve': { acl: { '/': 'PVEAuditor' }, tokens: { t: {} } },
        'old@pve': { acl: { '/': ['VM.Monitor'] }, tokens: { t: {} } },
        'root@pam': { tokens: { t: {} } },
      },
    });
  });

  after(() => cluster?.close());

  function agent(method: 'GET' | 'POST', rest: string, form?: string, options: { vmid?: number; user?: string } = {}) {
    const { vmid = 300, user = 'root@pam' } = options;
    const headers = { Authorization: cluster.tokenHeader(user, 't') };
    const body = form === undefined ? {} : { body: form };
    return ask(cluster.host('pve1'), `/nodes/pve1/qemu/${vmid}/agent/${rest}`, { method, headers, ...body });
  }

  async function pidOf(words: string[], input?: string): Promise<number> {
    const form = words.map((word) => `command=${encodeURIComponent(word)}`).join('&');
    const answer = await agent(
      'POST',
      'exec',
      input === undefined ? form : `${form}&input-data=${encodeURIComponent(input)}`,
    );
    return (answer.json as { data: { pid: number } }).data.pid;
  }

  const dataOf = (answer: ApiAnswer): Record<string, unknown> =>
    (answer.json as { data: Record<string, unknown> }).data;

  async function ended(pid: number): Promise<Record<string, unknown>> {
    return waitFor(
      async () => {
        const data = dataOf(await agent('GET', `exec-status?pid=${pid}`));
        return data['exited'] === 1 && data;
      },
      { what: `process ${pid} to end` },
    );
  }

  it('tell the end of a process once', async () => {
    const pid = await pidOf(['sh', '-c', 'cat; echo err >&2; exit 7'], 'in');
    expect(await ended(pid)).to.deep.equal({
      exited: 1,
      exitcode: 7,
      'out-data': 'in',
      'out-truncated': 0,
      'err-data': 'err\n',
      'err-truncated': 0,
    });
    const again = await agent('GET', `exec-status?pid=${pid}`);
    expect([again.status, again.reason]).to.deep.equal([500, 'Agent error: PID ld does not exist']);
  });

  it('write bytes as the characters of their numbers, both ways', async () => {
    const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
    expect((await ended(await pidOf(['cat'], bytes)))['out-data']).to.equal(bytes);
    const wide = await agent('POST', 'exec', `command=cat&input-data=${encodeURIComponent('€')}`);
    expect([wide.status, wide.reason]).to.deep.equal([500, 'Wide character in subroutine entry']);
  });

  it('report a signal, and cut what is too much', async () => {
    expect(await ended(await pidOf(['sh', '-c', 'kill -9 $$']))).to.deep.equal({ exited: 1, signal: 9 });
    cluster.settings.agentOutputBytes = 3;
    try {
      const data = await ended(await pidOf(['echo', '12345']));
      expect(data).to.deep.equal({ exited: 1, exitcode: 0, 'out-data': '123', 'out-truncated': 1 });
    } finally {
      cluster.settings.agentOutputBytes = 16 * 1024 * 1024;
    }
  });

  it('do not call a process ended while its output is held', async () => {
    const pid = await pidOf(['sh', '-c', 'sleep 100301 & echo $! >/tmp/held; exit 0']);
    const container = cluster.container(300);
    await waitFor(async () => (await container.attach(['cat', '/tmp/held'])).exitCode === 0, { what: 'the child' });
    await waitFor(async () => (await container.attach(['test', '!', '-e', `/proc/${pid}`])).exitCode === 0, {
      what: 'the end of the process itself',
    });
    expect(dataOf(await agent('GET', `exec-status?pid=${pid}`))).to.deep.equal({ exited: 0 });
    await container.attach(['sh', '-c', 'kill $(cat /tmp/held)']);
    expect(await ended(pid)).to.deep.equal({ exited: 1, exitcode: 0 });
  });

  it('refuse in the words of the server', async () => {
    const refused: [number, string, Promise<ApiAnswer>][] = [
      [500, 'No QEMU guest agent configured', agent('POST', 'exec', 'command=true', { vmid: 301 })],
      [500, 'VM 302 is not running', agent('POST', 'exec', 'command=true', { vmid: 302 })],
      [500, 'VM 302 is not running', agent('POST', 'ping', '', { vmid: 302 })],
      [
        500,
        "Agent error: Guest agent command failed, error was 'Failed to execute child process “/no/such” (No such file or directory)'",
        agent('POST', 'exec', 'command=/no/such'),
      ],
      [500, 'Agent error: PID ld does not exist', agent('GET', 'exec-status?pid=1')],
      [400, 'Parameter verification failed.', agent('POST', 'exec', `command=cat&input-data=${'x'.repeat(65_537)}`)],
      [400, 'Parameter verification failed.', agent('POST', 'exec', 'command=true&env=A')],
      [
        403,
        'Permission check failed (/vms/300, VM.GuestAgent.Unrestricted)',
        agent('POST', 'exec', 'command=true', { user: 'ro@pve' }),
      ],
      [
        403,
        'Permission check failed (/vms/300, VM.GuestAgent.Unrestricted)',
        agent('GET', 'exec-status?pid=1', undefined, { user: 'ro@pve' }),
      ],
    ];
    for (const [status, reason, call] of refused) {
      // oxlint-disable-next-line no-await-in-loop -- they were all made before
      const answer = await call;
      // Node decodes headers as latin1.
      expect([answer.status, Buffer.from(answer.reason, 'latin1').toString()]).to.deep.equal([status, reason]);
    }
    cluster.agent(300).state = 'stopped';
    try {
      expect((await agent('POST', 'ping', '')).reason).to.equal('QEMU guest agent is not running');
    } finally {
      cluster.agent(300).state = 'running';
    }
  });

  it('ask for the privilege of an older version', async () => {
    cluster.settings.agentPrivilege = 'VM.Monitor';
    try {
      expect((await agent('POST', 'ping', '', { user: 'ro@pve' })).reason).to.include('/vms/300, VM.Monitor');
      expect((await agent('POST', 'ping', '', { user: 'old@pve' })).status).to.equal(200);
    } finally {
      cluster.settings.agentPrivilege = 'VM.GuestAgent.Unrestricted';
    }
  });

  it('say what their guests are', async () => {
    const of = async (vmid: number) =>
      dataOf(await agent('GET', 'get-osinfo', undefined, { vmid, user: 'ro@pve' }))['result'];
    expect(await of(300)).to.deep.include({ id: 'debian' });
    expect(await of(303)).to.deep.include({ id: 'mswindows' });
  });
});
