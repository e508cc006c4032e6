/** The verbs over the API: from a computer that knows nothing of the containers but a context. */
import { chmodSync, chownSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { documentErrors } from '../model/schema.ts';
import { TOKEN_SECRET, USERS, takeRequests } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const NOBODY = 65_534;
const AS_NOBODY =
  'setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search';

interface Listed {
  id: string;
  name: string;
  node: string;
  status: string;
  reference: string;
  type: string;
  context: string;
  tags: string[];
}

describe('the verbs over the API of a cluster', () => {
  let cluster: Cluster;
  let place: LoginPlace;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2', 'pve3'],
      containers: [
        { vmid: 101, hostname: 'web', kind: 'busybox', running: true, tags: 'prod;blue', pool: 'front' },
        { vmid: 102, hostname: 'db', kind: 'busybox' },
        { vmid: 201, hostname: 'far', node: 'pve2', kind: 'busybox' },
        { vmid: 202, hostname: 'twin', node: 'pve2' },
        { vmid: 203, hostname: 'twin', node: 'pve3' },
        { vmid: 204, hostname: 'held', lock: 'backup' },
        { vmid: 205, hostname: 'mold', template: true },
        { vmid: 206, hostname: 'broken', kind: 'busybox', lxcConfig: ['lxc.init.cmd = /nothing'] },
        { vmid: 207, hostname: 'managed', node: 'pve2', kind: 'busybox', ha: true },
      ],
      machines: [{ vmid: 300, name: 'windows', node: 'pve3' }],
      users: { ...USERS, 'blind@pve': { tokens: { t1: { secret: TOKEN_SECRET } } } },
      settings: { refusalMs: 300, haMs: 1500 },
    });
    place = loginPlace();
    await login('home', 'root@pam!full', '--bare');
  });

  after(() => cluster?.close());

  beforeEach(async () => {
    for (const { node } of cluster.hosts) await cluster.setNode(node, 'online');
    takeRequests(cluster);
  });

  async function login(name: string, token: string, ...more: string[]): Promise<void> {
    const [first] = cluster.hosts;
    const pin = ['--host', `127.0.0.1:${first?.port}`, '--fingerprint', first?.fingerprint ?? ''];
    const done = await place.cli(['login', name, ...pin, ...more, '--token', token, '--token-stdin'], {
      stdin: TOKEN_SECRET,
    });
    expect(done.exitCode, done.stderr.toString()).to.equal(0);
  }

  /** Only the cluster: this host may have containers of its own. */
  const HOME = ['--context', 'home'];

  async function list(...words: string[]): Promise<Listed[]> {
    return (await place.document('ps', ['ps', ...HOME, ...words]))['containers'] as Listed[];
  }

  it('list all guests of all nodes in one round trip', async () => {
    const listed = await list();
    expect(listed.map(({ id, name, node, status, type }) => [id, name, node, status, type].join(' '))).to.deep.equal([
      '101 web pve1 running lxc',
      '102 db pve1 stopped lxc',
      '201 far pve2 stopped lxc',
      '202 twin pve2 stopped lxc',
      '203 twin pve3 stopped lxc',
      '204 held pve1 stopped lxc',
      '205 mold pve1 stopped lxc',
      '206 broken pve1 stopped lxc',
      '207 managed pve2 stopped lxc',
      '300 windows pve3 stopped qemu',
    ]);
    expect(takeRequests(cluster)).to.deep.equal(['pve1 GET /cluster/resources?type=vm -> 200']);
  });

  it('list by tag, pool, node and type, and as a table', async () => {
    const ids = async (...words: string[]): Promise<string[]> => (await list(...words)).map(({ id }) => id);
    expect(await ids('-f', 'tag=prod')).to.deep.equal(['101']);
    expect(await ids('-f', 'pool=front')).to.deep.equal(['101']);
    expect(await ids('-f', 'node=pve2')).to.deep.equal(['201', '202', '207']);
    expect(await ids('-f', 'type=qemu')).to.deep.equal(['300']);
    expect(await ids('-f', 'context=other')).to.deep.equal([]);
    const { stdout } = await place.cli(['ps', ...HOME, '-f', 'id=101']);
    expect(stdout.toString()).to.match(/^ID +NAME +PLATFORM +NODE +STATUS +TAGS .*\n101 +web +proxmox +pve1 +running/);
  });

  it('need no root, and no LXC, for a cluster', async () => {
    const folder = scratchDirectory();
    const file = `${folder}/contexts.yaml`;
    const secret = `${folder}/secret`;
    const { port, fingerprint } = cluster.host('pve2');
    writeFileSync(secret, TOKEN_SECRET);
    writeFileSync(
      file,
      `contexts: {lab: {hosts: [{address: "127.0.0.1:${port}", fingerprint: "${fingerprint}"}], token: "root@pam!full", tokenFile: ${secret}, bare: true}}\n`,
    );
    for (const path of [folder, file, secret]) chownSync(path, NOBODY, NOBODY);
    chmodSync(secret, 0o600);
    chmodSync(file, 0o600);
    const done = await run(
      // The capability only for the tests' own folder, which may be one that others cannot enter.
      ['sh', '-c', `exec ${AS_NOBODY} "$0" ps --json --filter id=201`, CLI],
      {
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          PROXMOX_LXCRI_CONTEXTS: file,
          PROXMOX_LXCRI_CONFIG: '/dev/null',
          PROXMOX_LXCRI_STATE_DIR: `${folder}/state`,
          PROXMOX_LXCRI_CACHE_DIR: `${folder}/cache`,
        },
      },
    );
    expect(done.stderr).to.equal('');
    const document = JSON.parse(done.stdout) as { containers: Listed[] };
    expect(documentErrors('ps', document)).to.deep.equal([]);
    expect(document.containers.map(({ reference, context }) => [reference, context])).to.deep.equal([['201', 'lab']]);
  });

  it('start, show and stop a guest of another node, and tell its task', async () => {
    const started = await place.cli(['start', ...HOME, '-v', '201']);
    expect([started.exitCode, started.stdout.toString()]).to.deep.equal([0, '201 (far) started\n']);
    expect(started.stderr.toString()).to.match(/^proxmox-lxcri: TASK OK$/m);
    expect(await cluster.container(201).state()).to.equal('RUNNING');
    const again = await place.document('start', ['start', ...HOME, 'far']);
    expect(again).to.deep.include({ changed: false, status: 'running', pid: null });
    const state = await place.document('state', ['state', ...HOME, 'pve:pve2/201']);
    expect(state).to.deep.include({ id: '201', status: 'running', bundle: '/var/lib/lxc/201' });
    expect(state).not.to.have.property('pid');
    const stopped = await place.document('stop', ['stop', ...HOME, '--force', '201']);
    expect(stopped).to.deep.include({ changed: true, forced: true, status: 'stopped' });
    expect(await cluster.container(201).state()).to.equal('STOPPED');
  });

  it('shut a guest down, and end one', async () => {
    await place.document('start', ['start', ...HOME, '102']);
    expect(await place.document('stop', ['stop', ...HOME, '102'])).to.deep.include({ changed: true, forced: false });
    await place.document('start', ['start', ...HOME, '102']);
    const refused = await place.refusal('NoMethodAvailable', ['kill', ...HOME, '102', 'HUP']);
    expect(refused).to.include('only end it');
    expect(await place.document('kill', ['kill', ...HOME, '102'])).to.deep.include({ status: 'stopped' });
    expect(await cluster.container(102).state()).to.equal('STOPPED');
  });

  it('wait until one that HA manages runs', async () => {
    const started = await place.document('start', ['start', ...HOME, 'managed']);
    expect(started).to.deep.include({ changed: true, status: 'running' });
    expect(await cluster.container(207).state()).to.equal('RUNNING');
    await place.document('stop', ['stop', ...HOME, '--force', '207']);
  });

  it('say what is wrong, in one line each', async () => {
    const says = async (code: string, words: string[], part: string | RegExp): Promise<void> => {
      expect(await place.refusal(code, words)).to.match(typeof part === 'string' ? new RegExp(part) : part);
    };
    await says('AmbiguousContainer', ['start', ...HOME, 'twin'], /pve:pve2\/202 \(home\), pve:pve3\/203 \(home\)/);
    await says('ContainerNotFound', ['start', ...HOME, '999'], 'home');
    await says('ContainerNotFound', ['start', ...HOME, 'pve:pve3/201'], 'pve3');
    await says('ContainerLocked', ['start', ...HOME, '204'], 'backup');
    await says('OperationFailed', ['start', ...HOME, '205'], 'template');
    await says('OperationFailed', ['start', ...HOME, 'broken'], 'did not start');
    await says('NoMethodAvailable', ['start', '--wait', ...HOME, '102'], '--wait');
    await says('ConfigError', ['ps', '--context', 'nothere'], 'nothere');
    await cluster.setNode('pve2', 'refusing');
    await says('PlatformUnreachable', ['start', ...HOME, '201'], /pve2.*595|595/);
  });

  it('tell offline nodes, and that names are not known there', async () => {
    await cluster.setNodeOffline('pve2');
    const listed = await list('-f', 'node=pve2');
    expect(listed.map(({ id, name, status }) => [id, name, status])).to.deep.include(['201', '201', 'unknown']);
    expect(await place.refusal('ContainerNotFound', ['start', ...HOME, 'far'])).to.include('use the VMID');
  });

  it('name the privilege that is missing, and where', async () => {
    await login('blind', 'blind@pve!t1');
    const hidden = await place.refusal('PermissionDenied', ['start', '--context', 'blind', '101']);
    expect(hidden).to.match(/VM\.Audit.*\/vms\/101/);
    // A scheme asks the current context; a bare word those that are marked for it.
    expect((await place.cli(['context', 'use', 'blind'])).exitCode).to.equal(0);
    await place.refusal('PermissionDenied', ['start', 'pve:101']);
    expect(await place.document('start', ['start', '101'])).to.deep.include({ changed: false });
    expect((await place.cli(['context', 'use', 'home'])).exitCode).to.equal(0);
    expect(await place.document('start', ['start', 'pve:pve1/101'])).to.deep.include({ changed: false });
  });

  it('show what there is when a cluster cannot be asked, and do not exit 0', async () => {
    const { port } = cluster.host('pve3');
    const other = await runCli(
      ['login', 'gone', '--host', `127.0.0.1:${port}`, '--fingerprint', cluster.host('pve3').fingerprint].concat(
        '--token',
        'root@pam!full',
        '--token-stdin',
      ),
      { env: place.env, stdin: TOKEN_SECRET },
    );
    expect(other.exitCode).to.equal(0);
    await cluster.setNode('pve3', 'mistrusted');
    const done = await runCli(['ps', '--json'], { env: place.env });
    const document = JSON.parse(done.stdout.toString()) as {
      containers: Listed[];
      unreachable: { context: string }[];
      error: { code: string };
    };
    expect(documentErrors('ps', document)).to.deep.equal([]);
    expect([done.exitCode, document.error.code]).to.deep.equal([125, 'PlatformUnreachable']);
    expect(document.unreachable.map(({ context }) => context)).to.include('gone');
    expect(document.containers.map(({ id }) => id)).to.include('101');
    expect((await place.cli(['context', 'remove', 'gone'])).exitCode).to.equal(0);
  });

  it('do not ask a cluster for a container of this host that is named by its scheme', async () => {
    await place.refusal('ContainerNotFound', ['start', 'lxc:nothere']);
    expect(takeRequests(cluster)).to.deep.equal([]);
  });
});
