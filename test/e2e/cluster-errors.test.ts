/** What can be wrong with a cluster, through each verb: one line that says what it is, exit code 125, and no long wait. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { ErrorCode } from '../../src/model/errors.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';

const VERBS = ['exec', 'start', 'stop', 'state'] as const;
type Verb = (typeof VERBS)[number];

/** A failure, or how the verb succeeds nevertheless. */
type Expected = readonly [ErrorCode, RegExp] | RegExp;

describe('what is wrong with a cluster is told by every verb', () => {
  let laptop: Laptop;
  let contexts: Record<string, unknown>;

  before(async function () {
    needsApiDouble(this);
    const secret = TOKEN_SECRET;
    laptop = await createLaptop({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: 101, hostname: 'web' },
        { vmid: 102, hostname: 'busy', kind: 'busybox', running: true, lock: 'backup' },
        { vmid: 103, hostname: 'mold', template: true },
        { vmid: 201, hostname: 'far', node: 'pve2' },
      ],
      users: {
        ...USERS,
        'blind@pve': { tokens: { t1: { secret } } },
        'looker@pve': { tokens: { t1: { secret } }, acl: { '/': 'PVEAuditor' } },
      },
      settings: { refusalMs: 300 },
      sshNodes: ['pve1', 'pve2'],
    });
    writeFileSync(join(laptop.folder, 'wrong'), 'no password', { mode: 0o600 });
    const [one, two] = laptop.cluster.hosts;
    const byPassword = { token: undefined, tokenFile: undefined, user: 'ro@pve' };
    contexts = {
      home: laptop.context(),
      mistaken: laptop.context({ hosts: [{ address: `127.0.0.1:${one?.port}`, fingerprint: two?.fingerprint }] }),
      mistyped: laptop.context({ ...byPassword, passwordFile: join(laptop.folder, 'wrong') }),
      without: laptop.context(byPassword),
      blind: laptop.context({ token: 'blind@pve!t1' }),
      looker: laptop.context({ token: 'looker@pve!t1' }),
    };
    laptop.write(contexts);
  });

  after(() => laptop?.close());

  /** @param context `undefined` for all that a word may mean. */
  async function tells(context: string | undefined, container: string, expected: Expected, verb: Verb): Promise<void> {
    const command = verb === 'exec' ? ['--', 'true'] : [];
    const done = await laptop.cli([
      verb,
      ...(context === undefined ? [] : ['--context', context]),
      container,
      ...command,
    ]);
    const what = `${verb} ${container}: ${done.stdout.toString()}${done.stderr.toString()}`;
    if (expected instanceof RegExp) {
      expect(done.exitCode, what).to.equal(0);
      expect(done.stdout.toString()).to.match(expected);
      return;
    }
    expect(done.exitCode, what).to.equal(125);
    expect(done.stdout.toString()).to.equal('');
    expect(expectErrorLine(done.stderr, expected[0])).to.match(expected[1]);
  }

  /** By all verbs alike. */
  async function all(context: string | undefined, container: string, code: ErrorCode, says: RegExp): Promise<void> {
    for (const verb of VERBS) await tells(context, container, [code, says], verb);
  }

  async function each(container: string, expected: Record<Verb, Expected>, context = 'home'): Promise<void> {
    for (const verb of VERBS) await tells(context, container, expected[verb], verb);
  }

  it('a wrong fingerprint', () => all('mistaken', '101', 'PlatformUnreachable', /not the pinned one/));

  it('a container of this host', () => all('home', 'lxc:web', 'UsageError', /--context home names a cluster/));

  it('a wrong password', () => all('mistyped', '101', 'AuthenticationFailed', /ro@pve/));

  it('no password and no ticket', () => all('without', '101', 'AuthenticationFailed', /ticket for ro@pve.*log in/));

  it('a node that there is not', () => all('home', 'pve:nowhere/101', 'ContainerNotFound', /on node nowhere/));

  it('a container that there is not', () => all('home', '999', 'ContainerNotFound', /no guest 999.*home/));

  it('a token without privileges', () => all('blind', '101', 'PermissionDenied', /VM\.Audit on \/vms\/101/));

  it('a token that may only look', async () => {
    const may = /VM\.PowerMgmt/;
    await tells('looker', '101', ['PermissionDenied', may], 'start');
    await tells('looker', '102', ['ContainerLocked', /backup/], 'stop');
    await tells('looker', '101', /"stopped"/, 'state');
  });

  it('a node that the server cannot reach', async () => {
    await laptop.cluster.setNode('pve2', 'refusing');
    await laptop.servers.get('pve2')?.stop();
    try {
      await each('201', {
        exec: ['PlatformUnreachable', /pve2/],
        start: ['PlatformUnreachable', /pve2.*595/],
        stop: ['PlatformUnreachable', /pve2.*595/],
        state: ['PlatformUnreachable', /pve2.*595/],
      });
    } finally {
      await laptop.cluster.setNode('pve2', 'online');
    }
  });

  it('a server that is not there', async () => {
    await laptop.cluster.setNode('pve1', 'refusing');
    try {
      await all('home', '101', 'PlatformUnreachable', /cannot be reached/);
    } finally {
      await laptop.cluster.setNode('pve1', 'online');
    }
  });

  it('of two clusters that a word may mean, one that does not say whether it has one too', async () => {
    const [, two] = laptop.cluster.hosts;
    const hosts = [{ address: `127.0.0.1:${two?.port}`, fingerprint: two?.fingerprint }];
    laptop.write({ home: laptop.context({ bare: true }), lab: laptop.context({ bare: true, hosts }) });
    await laptop.cluster.setNode('pve2', 'refusing');
    try {
      for (const word of ['web', 'pve:101'])
        await all(undefined, word, 'PlatformUnreachable', /pve:pve1\/101 \(home\), but the cluster lab.*pve:101@home/);
      await tells('home', 'web', /"stopped"/, 'state');
    } finally {
      await laptop.cluster.setNode('pve2', 'online');
      laptop.write(contexts);
    }
  });

  it('a template', () =>
    each('103', {
      exec: ['ContainerNotRunning', /103 \(mold\) is a template/],
      start: ['OperationFailed', /103 \(mold\) is a template/],
      stop: /is stopped already/,
      state: /"stopped"/,
    }));

  it('a stopped container', async () => {
    await tells('home', '101', ['ContainerNotRunning', /proxmox-lxcri start pve:101@home/], 'exec');
    await tells('home', '101', /is stopped already/, 'stop');
    await tells('home', '101', /"stopped"/, 'state');
  });

  it('a locked container', () =>
    each('102', {
      exec: ['ContainerLocked', /backup/],
      start: /already runs/,
      stop: ['ContainerLocked', /backup/],
      state: /"proxmox-lxcri.lock": "backup"/,
    }));
});
