import { expect } from 'chai';
import { type Cluster, createCluster, type Host } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { waitFor } from '../wait-for.ts';
import { type ApiAnswer, ask, dataOf } from './ask.ts';

interface TaskStatus {
  status: string;
  exitstatus?: string;
  type: string;
}

describe('starting and stopping at the double of the Proxmox API', () => {
  let cluster: Cluster;
  let host: Host;
  let root: Record<string, string>;
  let other: Record<string, string>;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      settings: { haMs: 300 },
      users: {
        'root@pam': { tokens: { a: {}, b: { acl: { '/vms': 'PVEVMAdmin' } } } },
        'admin@pve': { acl: { '/vms': 'PVEVMAdmin', '/nodes': ['Sys.Modify'] }, tokens: { t: {} } },
      },
      containers: [
        { vmid: 101, kind: 'busybox' },
        { vmid: 102, kind: 'busybox', ha: true },
        { vmid: 103, template: true },
        { vmid: 104, lock: 'backup' },
        { vmid: 105 },
        // Ends only when it is killed: its init takes no notice of the signal that asks it to.
        { vmid: 106, kind: 'busybox', running: true, lxcConfig: ['lxc.signal.halt = SIGCONT'] },
      ],
    });
    [host] = cluster.hosts as [Host];
    root = { Authorization: cluster.tokenHeader('root@pam', 'a') };
    other = { Authorization: cluster.tokenHeader('admin@pve', 't') };
  });

  after(() => cluster?.close());

  function act(vmid: number, action: string, body = '', headers = root): Promise<ApiAnswer> {
    return ask(host, `/nodes/pve1/lxc/${vmid}/status/${action}`, { method: 'POST', headers, body });
  }

  async function statusOf(upid: string): Promise<TaskStatus> {
    return dataOf(await ask(host, `/nodes/pve1/tasks/${upid}/status`, { headers: root })) as TaskStatus;
  }

  async function endOf(answer: ApiAnswer): Promise<TaskStatus & { log: string[] }> {
    return endOfTask(dataOf(answer) as string);
  }

  async function endOfTask(upid: string): Promise<TaskStatus & { log: string[] }> {
    const status = await waitFor(
      async () => {
        const now = await statusOf(upid);
        return now.status === 'stopped' && now;
      },
      { what: `the end of ${upid}` },
    );
    const lines = dataOf(await ask(host, `/nodes/pve1/tasks/${upid}/log`, { headers: root })) as { t: string }[];
    return { ...status, log: lines.map(({ t }) => t) };
  }

  it('are tasks, and real', async () => {
    const started = await endOf(await act(101, 'start'));
    expect(started).to.deep.include({ type: 'vzstart', exitstatus: 'OK', log: ['TASK OK'] });
    expect(await cluster.container(101).running()).to.equal(true);
    expect(await act(101, 'start')).to.include({ status: 500, reason: 'CT 101 already running' });
    const stopped = await endOf(await act(101, 'stop'));
    expect(stopped).to.deep.include({ type: 'vzstop', exitstatus: 'OK' });
    expect(await cluster.container(101).running()).to.equal(false);
    expect(await act(101, 'stop')).to.include({ status: 500, reason: 'CT 101 not running' });
  });

  it('can be gentle, and then start again', async () => {
    await endOf(await act(101, 'start'));
    const before = await cluster.container(101).initPid();
    expect(await endOf(await act(101, 'reboot'))).to.include({ type: 'vzreboot', exitstatus: 'OK' });
    expect(await cluster.container(101).initPid()).not.to.equal(before);
    expect(await endOf(await act(101, 'shutdown', 'timeout=20'))).to.include({ type: 'vzshutdown', exitstatus: 'OK' });
    expect(await cluster.container(101).running()).to.equal(false);
    expect(await act(101, 'reboot')).to.include({ reason: 'VM 101 not running' });
  });

  it('leave a container alone that does not want to stop, unless told otherwise', async () => {
    const refused = await endOf(await act(106, 'shutdown', 'timeout=1'));
    expect(refused.exitstatus).to.equal("command 'lxc-stop -n 106 --nokill --timeout 1' failed: exit code 1");
    expect(refused.log.at(-1)).to.equal(`TASK ERROR: ${refused.exitstatus}`);
    expect(await cluster.container(106).running()).to.equal(true);
    await endOf(await act(106, 'shutdown', 'timeout=1&forceStop=1'));
    expect(await cluster.container(106).running()).to.equal(false);
  });

  it('fail in the task, not in the answer, for what is locked, a template or broken', async () => {
    expect((await endOf(await act(103, 'start'))).exitstatus).to.equal("you can't start a CT if it's a template");
    expect((await endOf(await act(104, 'start'))).exitstatus).to.equal('CT is locked (backup)');
    expect((await endOf(await act(105, 'start'))).exitstatus).to.equal("startup for container '105' failed");
  });

  it('go through the HA manager where it has the say: the task only asks', async () => {
    const asked = await endOf(await act(102, 'start'));
    expect(asked).to.deep.include({ type: 'hastart', exitstatus: 'OK' });
    expect(asked.log).to.deep.equal(['Requesting HA start for CT 102', 'TASK OK']);
    expect(await cluster.container(102).running()).to.equal(false);
    await waitFor(() => cluster.container(102).running(), { what: 'the HA manager to start 102' });
    const { json } = await ask(host, '/nodes/pve1/lxc/102/status/current', { headers: root });
    expect(json?.data).to.deep.include({ ha: { managed: 1, state: 'started' }, status: 'running' });
    expect(await endOf(await act(102, 'stop'))).to.include({ type: 'hastop', exitstatus: 'OK' });
    await waitFor(async () => !(await cluster.container(102).running()), { what: 'the HA manager to stop 102' });
  });

  it('let nobody but root itself pass a lock', async () => {
    const { json } = await act(104, 'start', 'skiplock=1');
    expect(json?.errors).to.deep.equal({ skiplock: 'Only root may use this option.' });
  });

  describe('as tasks', () => {
    it('belong to who has started them', async () => {
      const mine = dataOf(await act(101, 'start', '', other)) as string;
      await endOfTask(mine);
      const path = `/nodes/pve1/tasks/${mine}`;
      expect(await ask(host, `${path}/log`, { headers: other })).to.include({ status: 200 });
      const sibling = { Authorization: cluster.tokenHeader('root@pam', 'b') };
      const { reason } = await ask(host, `${path}/status`, { headers: sibling });
      expect(reason).to.equal('Permission check failed (/nodes/pve1, Sys.Audit)');
      await endOf(await act(101, 'stop'));
    });

    it('can be stopped', async () => {
      await cluster.container(106).start();
      const upid = dataOf(await act(106, 'shutdown', 'timeout=60')) as string;
      expect(await statusOf(upid)).to.include({ status: 'running' });
      const empty = await ask(host, `/nodes/pve1/tasks/${upid}/log`, { headers: root });
      expect(empty.json).to.deep.equal({ data: [{ n: 1, t: 'no content' }], total: 1 });
      const sibling = { Authorization: cluster.tokenHeader('root@pam', 'b') };
      const refused = await ask(host, `/nodes/pve1/tasks/${upid}`, { method: 'DELETE', headers: sibling });
      expect(refused.reason).to.equal('Permission check failed (/nodes/pve1, Sys.Modify)');
      const stopped = await ask(host, `/nodes/pve1/tasks/${upid}`, { method: 'DELETE', headers: other });
      expect(stopped.json).to.deep.equal({ data: null });
      const end = await endOfTask(upid);
      expect(end).to.deep.include({ exitstatus: 'received interrupt', log: ['TASK ERROR: received interrupt'] });
    });

    it('are listed: those that run by another name than those that have ended, which are the archive', async () => {
      const first = dataOf(await act(101, 'start')) as string;
      await endOfTask(first);
      const last = dataOf(await act(101, 'stop', '', other)) as string;
      await endOfTask(last);
      await cluster.container(106).start();
      const upid = dataOf(await act(106, 'shutdown', 'timeout=60')) as string;
      const list = async (query: string, headers = root): Promise<Record<string, unknown>[]> =>
        dataOf(await ask(host, `/nodes/pve1/tasks?${query}`, { headers })) as Record<string, unknown>[];
      const [running, ...others] = await list('source=active');
      expect(running).to.include({ upid, type: 'vzshutdown', id: '106', status: 'RUNNING' });
      expect([running, others]).to.satisfy(() => running?.['endtime'] === undefined && others.length === 0);
      const archived = await list('vmid=101&limit=2');
      expect(archived.map((task) => task['upid'])).to.deep.equal([last, first]);
      expect(archived[0]).to.include({ status: 'OK' }).and.to.have.property('endtime').that.is.a('number');
      expect((await list('source=all&limit=1')).map((task) => task['upid'])).to.deep.equal([upid]);
      // Whoever may not audit the node sees what is of that one.
      expect(await list('source=active', other)).to.deep.equal([]);
      expect((await list('source=archive&vmid=101', other)).map((task) => task['upid'])).to.include(last);
      await ask(host, `/nodes/pve1/tasks/${upid}`, { method: 'DELETE', headers: root });
      await endOfTask(upid);
    });

    it('that are not there are a wrong parameter', async () => {
      const upid = 'UPID:pve1:00002F04:0004D4B5:6B010144:vzstart:102:root@pam:';
      const { json } = await ask(host, `/nodes/pve1/tasks/${upid}/status`, { headers: root });
      expect(json?.errors).to.deep.equal({ upid: 'no such task' });
    });
  });
});
