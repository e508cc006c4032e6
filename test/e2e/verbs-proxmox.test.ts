/** The verbs on containers of a Proxmox node: its files, a double of `pct`, and real LXC containers. */
import { expect } from 'chai';

import { createContainer, DEFAULT_LXCPATH, run, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { createPctDouble } from '../support/pve/pct-double.ts';
import { createPveTree } from '../support/pve/tree.ts';
import type { PveContainer } from '../support/pve/tree.ts';
import { FORMS, callJson, callText, expectFailure } from './verb-call.ts';

/** High, and different in each run: the containers stand where Proxmox has them, beside whatever is there. */
const VMID = 600_000_000 + (process.pid % 100_000_000);
const TEMPLATE = VMID + 1;
const BROKEN = VMID + 2;

describe('the verbs on a Proxmox node', () => {
  const tree = createPveTree({
    node: 'pve1',
    containers: [
      { vmid: VMID, hostname: 'web' },
      { vmid: TEMPLATE, hostname: 'base', template: true },
      { vmid: BROKEN, hostname: 'broken' },
    ],
  });
  const pct = createPctDouble({ pveDir: tree.dir });
  const env = { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${pct.bin}:${process.env['PATH']}` };
  let container: Container;

  const json = (...words: string[]) => callJson(words, { env });
  const text = (...words: string[]) => callText(words, { env });
  const configure = (more: Partial<PveContainer> = {}) => tree.putContainer({ vmid: VMID, hostname: 'web', ...more });

  before(async () => {
    container = await createContainer({ kind: 'busybox', name: String(VMID), lxcpath: DEFAULT_LXCPATH });
  });

  afterEach(async () => {
    configure();
    if ((await container.state()) === 'FROZEN') await container.unfreeze();
  });

  after(async () => {
    // What was requested of the HA manager must not start what is being removed.
    await waitFor(async () => (await run(['pgrep', '-f', `pct start ${VMID}`])).exitCode === 1, {
      what: 'the HA manager to be done',
    });
    await container.destroy();
  });

  const stopped = async (): Promise<void> => {
    if (await container.running()) await container.stop();
  };
  const running = async (): Promise<void> => {
    if (!(await container.running())) await container.start();
  };

  it('start, stop and kill find it by its VMID and its name, and say both', async () => {
    const identity = { id: String(VMID), name: 'web', platform: 'proxmox', node: 'pve1' };
    await stopped();
    const started = await json('start', '--wait', String(VMID));
    expect(started.document).to.deep.include({ container: identity, status: 'running', changed: true });
    expect(started.document['pid']).to.equal(await container.initPid());
    expect((await text('start', 'web')).stdout).to.equal(`${VMID} (web) already runs\n`);
    const ended = await json('stop', 'web');
    expect(ended.document).to.deep.include({ container: identity, status: 'stopped', pid: null, forced: false });
    expect((await text('stop', `pve:pve1/${VMID}`)).stdout).to.equal(`${VMID} (web) is stopped already\n`);
    expect((await text('start', `pve:${VMID}`)).stdout).to.equal(`${VMID} (web) started\n`);
    expect((await text('stop', '--force', 'web')).stdout).to.equal(`${VMID} (web) killed\n`);
    await running();
    expect((await json('kill', 'web')).document).to.deep.include({ container: identity, signal: 'SIGKILL' });
    expect(await container.state()).to.equal('STOPPED');
  });

  it('ps and state show what Proxmox knows of it', async () => {
    await running();
    configure({ lock: 'snapshot' });
    const { document } = await json('ps', '-f', 'name=^web$', '-f', 'lock=snapshot', '-f', 'platform=proxmox');
    expect(document['containers']).to.have.length(1);
    expect(document['containers'])
      .to.have.deep.nested.property('[0]')
      .that.includes({
        reference: String(VMID),
        id: String(VMID),
        name: 'web',
        platform: 'proxmox',
        node: 'pve1',
        status: 'running',
        lock: 'snapshot',
      });
    const table = (await text('ps', '-f', 'node=pve1')).stdout.split('\n');
    expect(table[0]).to.match(/^ID +NAME +PLATFORM +NODE +STATUS +PID +UPTIME +LOCK$/);
    expect(table[1]).to.match(new RegExp(`^${VMID} +web +proxmox +pve1 +running +\\d+ +[\\dhm]+s +snapshot$`));
    const state = (await json('state', 'web')).document;
    expect(state).to.deep.include({ id: String(VMID), status: 'running', bundle: `/var/lib/lxc/${VMID}` });
    expect(state['annotations']).to.deep.equal({
      'proxmox-lxcri.name': 'web',
      'proxmox-lxcri.platform': 'proxmox',
      'proxmox-lxcri.status': 'running',
      'proxmox-lxcri.node': 'pve1',
      'proxmox-lxcri.lock': 'snapshot',
    });
  });

  for (const form of FORMS) {
    it(`a lock of the configuration keeps it as it is (${form})`, async () => {
      const says = new RegExp(`${VMID} \\(web\\) is locked \\(backup\\); wait until .*: pct unlock ${VMID}`);
      await stopped();
      configure({ lock: 'backup' });
      await expectFailure(form, ['start', 'web'], { code: 'ContainerLocked', says }, { env });
      await container.start();
      for (const words of [['stop'], ['stop', '--force']])
        await expectFailure(form, [...words, 'web'], { code: 'ContainerLocked', says }, { env });
      expect(await container.state()).to.equal('RUNNING');
    });

    it(`a template is not started (${form})`, async () => {
      const says = /\(base\) is a template, which never runs/;
      await expectFailure(form, ['start', 'base'], { code: 'OperationFailed', says }, { env });
    });

    it(`what pct says is the reason why it did not start (${form})`, async () => {
      const says = /\(broken\) did not start: .*startup for container '\d+' failed/;
      await expectFailure(form, ['start', 'broken'], { code: 'OperationFailed', says }, { env });
    });
  }

  it('one that "pct mount" has mounted is started, as pct does', async () => {
    await stopped();
    configure({ lock: 'mounted' });
    expect(await text('start', 'web')).to.include({ exitCode: 0, stdout: `${VMID} (web) started\n` });
  });

  it('what the HA manager does in its own time is waited for, and is not forced meanwhile', async () => {
    await stopped();
    configure({ ha: true });
    expect((await json('start', 'web')).document).to.include({ status: 'running', changed: true });
    expect((await json('stop', 'web')).document).to.include({ status: 'stopped', changed: true, forced: false });
    await container.start();
    expect((await json('stop', '--force', 'web')).document).to.include({ status: 'stopped', forced: true });
    expect(await container.state()).to.equal('STOPPED');
  });

  it('a start that only HA knows of ends with the timeout', async () => {
    await stopped();
    configure({ ha: true });
    const slow = createPctDouble({ pveDir: tree.dir, haDelay: 3 });
    const slowly = { env: { ...env, PATH: `${slow.bin}:${process.env['PATH']}` } };
    await expectFailure(
      'text',
      ['start', '--timeout', '500ms', 'web'],
      {
        code: 'ExecutionTimeout',
        says: /is stopped, not running, after 500 ms/,
        exitCode: 124,
      },
      slowly,
    );
    // The request stands: nothing is asked twice while it is on its way.
    expect((await callJson(['start', '--timeout', '20s', 'web'], slowly)).document).to.include({ status: 'running' });
  });

  it('without pct nothing is done behind its back', async () => {
    await running();
    const says = /pct is not installed; install the package that has it \(pve-container\)/;
    const withoutPct = { env: { PROXMOX_LXCRI_PVE_DIR: tree.dir } };
    await expectFailure('text', ['stop', 'web'], { code: 'NoMethodAvailable', says }, withoutPct);
    expect(await container.state()).to.equal('RUNNING');
  });
});
