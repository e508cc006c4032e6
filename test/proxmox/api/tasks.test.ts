import type { TLSSocket } from 'node:tls';

import { expect } from 'chai';

import type { ApiClient } from '../../../src/proxmox/api/client.ts';
import { requirePrivilege } from '../../../src/proxmox/api/permissions.ts';
import { Misfit } from '../../../src/proxmox/api/shape.ts';
import { TASK, waitForTask } from '../../../src/proxmox/api/tasks.ts';
import type { Task } from '../../../src/proxmox/api/tasks.ts';
import { createCluster } from '../../support/pve/api/cluster.ts';
import type { Cluster } from '../../support/pve/api/cluster.ts';
import { UPID, answer, data, openImpostor } from '../../support/pve-impostor.ts';
import { TOKEN, USERS, byAuthority, clientOf, failureOf, pinned, takeRequests } from './clients.ts';

describe('tasks and permissions', () => {
  let cluster: Cluster;
  let client: ApiClient;

  before(async () => {
    cluster = await createCluster({ nodes: ['pve1', 'pve2'], users: USERS, settings: { refusalMs: 100 } });
    client = clientOf([pinned(cluster.host('pve1'))]);
  });

  after(() => cluster.close());

  function start(work: (log: (line: string) => void) => Promise<void>): Task {
    const upid = cluster.node('pve2').tasks.start({ user: 'root@pam', token: 'full' }, 'vzstart', '101', work);
    return TASK(upid, '');
  }

  describe('waitForTask', () => {
    it('waits for the end, wherever the task runs, and gives every line once', async () => {
      let release = (): void => {};
      const blocked = new Promise<void>((resolve) => (release = resolve));
      const task = start(async (log) => {
        for (let line = 1; line <= 600; line += 1) log(`line ${line}`);
        await blocked;
        for (let line = 601; line <= 1200; line += 1) log(`line ${line}`);
      });
      const lines: string[] = [];
      const onLine = (line: string): void => {
        lines.push(line);
        if (lines.length === 600) release();
      };
      const end = await waitForTask(client, task, { onLine, timeoutMs: 20_000 });
      expect(end).to.deep.equal({ ok: true, exitStatus: 'OK' });
      expect(lines.slice(0, 1200)).to.deep.equal(Array.from({ length: 1200 }, (_, index) => `line ${index + 1}`));
      expect(lines.slice(1200)).to.deep.equal(['TASK OK']);
    });

    it('tells how it failed', async () => {
      const task = start(() => Promise.reject(new Error('CT is locked (backup)')));
      const end = await waitForTask(client, task, { timeoutMs: 20_000 });
      expect(end).to.deep.equal({ ok: false, exitStatus: 'CT is locked (backup)' });
    });

    it('stops waiting in time, and the task goes on', async () => {
      let release = (): void => {};
      const blocked = new Promise<void>((resolve) => (release = resolve));
      const task = start(() => blocked);
      const begin = performance.now();
      const error = await failureOf(waitForTask(client, task, { timeoutMs: 300 }));
      expect(error.code).to.equal('ExecutionTimeout');
      expect(performance.now() - begin).to.be.within(290, 15_000);
      expect(cluster.node('pve2').tasks.find(task.upid)?.exitStatus).to.equal(undefined);
      release();
    });

    it('stops waiting when it is told to', async () => {
      // Made before it starts: what waits may be told to stop even sooner.
      const { promise: blocked, resolve: release } = Promise.withResolvers<void>();
      const task = start(() => blocked);
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 50);
      const begin = performance.now();
      await waitForTask(client, task, { timeoutMs: 20_000, abort: stop.signal }).then(
        () => expect.fail('it ended'),
        (error: Error) => expect(error.name).to.equal('AbortError'),
      );
      expect(performance.now() - begin).to.be.lessThan(15_000);
      release();
    });

    it('stops waiting in time also for an answer that does not come, and for a log without end', async () => {
      const server = await openImpostor();
      const own = clientOf([byAuthority(server)], { answerTimeoutMs: 60_000 });
      const task = TASK(UPID, '');
      const silent = (): void => {};
      let lines = 0;
      const endless = (socket: TLSSocket): unknown =>
        data(Array.from({ length: 500 }, () => ({ n: (lines += 1), t: 'x'.repeat(10) })))(socket);
      for (const replies of [{ 'GET /status': silent }, { 'GET /log': silent }, { 'GET /log': endless }]) {
        server.replies = replies;
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const error = await failureOf(waitForTask(own, task, { timeoutMs: 300, onLine: () => {} }));
        expect(error.code).to.equal('ExecutionTimeout');
        const stop = new AbortController();
        const waiting = waitForTask(own, task, { timeoutMs: 60_000, onLine: () => {}, abort: stop.signal });
        const reason = new Error('enough');
        setTimeout(() => stop.abort(reason), 100);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        expect(await waiting.catch((thrown: unknown) => thrown)).to.equal(reason);
      }
      await server.close();
    });

    it('says that it is not known what became of a task that cannot be asked for any more, and its name', async () => {
      const server = await openImpostor();
      const own = clientOf([byAuthority(server)]);
      for (const reply of [data(null), answer('401 No ticket'), answer('595 no route'), answer('500 no such task')]) {
        server.replies = { 'GET /status': reply };
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const error = await failureOf(waitForTask(own, TASK(UPID, ''), { timeoutMs: 20_000 }));
        expect([error.code, error.exitCode]).to.deep.equal(['ConnectionLost', 255]);
        expect(error.message).to.include(UPID);
        expect(error.hint).to.include('goes on at the node pve1');
      }
      await server.close();
    });

    it('takes only the name of a task for one', () => {
      const upid = 'UPID:pve2:00002F04:0004D4B5:6B010144:hastart:102:root@pam!full:';
      expect(TASK(upid, '')).to.deep.equal({ upid, node: 'pve2', type: 'hastart' });
      const no = ['OK', '', null, {}, 7, upid.slice(0, -1), upid.replace('pve2', '../x'), upid.replace('102', '\n')];
      for (const value of [...no, `${upid}${upid}`, upid.replace('root', '\ud800'), 'UPID:'.padEnd(10_000, 'x')])
        expect(() => TASK(value, ''), JSON.stringify(value)).to.throw(Misfit);
    });
  });

  describe('requirePrivilege', () => {
    it('is content with a privilege that is there, in one round trip', async () => {
      takeRequests(cluster);
      await requirePrivilege(client, '/vms/101', 'VM.PowerMgmt');
      expect(takeRequests(cluster)).to.deep.equal(['pve1 GET /access/permissions?path=%2Fvms%2F101 -> 200']);
    });

    it('names the one that is missing, and where', async () => {
      const credentials = { ...TOKEN, id: 'root@pam!none' };
      const poor = clientOf([pinned(cluster.host('pve1'))], { credentials });
      const error = await failureOf(requirePrivilege(poor, '/vms/101', 'VM.Console'));
      expect(error.code).to.equal('PermissionDenied');
      expect(error.message).to.include('VM.Console on /vms/101');
    });
  });
});
