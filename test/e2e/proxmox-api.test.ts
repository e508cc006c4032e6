/** exec over the API: what takes part, what is asked, and what is remembered. */
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { expectErrorLine } from '../methods/contract/result.ts';
import { resultOf } from '../methods/contract/result.ts';
import { takeRequests } from '../proxmox/api/clients.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';
import { callJson } from './verb-call.ts';

const ASKED = 'pve1 POST /nodes/pve1/lxc/101/exec -> 501';

describe('exec over the API', () => {
  let laptop: Laptop;

  before(async function () {
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1'],
      containers: [
        { vmid: 101, hostname: 'web', kind: 'busybox', running: true },
        { vmid: 102, hostname: 'db', kind: 'busybox' },
        { vmid: 103, hostname: 'held', kind: 'busybox', lock: 'backup' },
      ],
      settings: { refusalMs: 300 },
      users: { 'root@pam': { tokens: { full: { secret: 'fee8f2c1-4a2f-4a7b-882c-c611e17fbf27' } } } },
      // No ssh leads anywhere.
      sshNodes: [],
    });
  });

  after(() => laptop?.close());

  beforeEach(() => {
    const none = { ssh: { destination: 'root@127.0.0.1', options: ['-p', '1', '-F', '/dev/null'] } };
    laptop.write({ home: laptop.context(none), other: laptop.context({ ...none, routes: ['console', 'node-shell'] }) });
    takeRequests(laptop.cluster);
  });

  it('asks once whether a server has an endpoint for it, without a command, and remembers that it has none', async () => {
    const first = resultOf(await laptop.cli(['exec', '--context', 'home', '--json', '101', '--', 'true']));
    expect(first.attempts[0]).to.deep.equal({
      method: 'proxmox-api',
      outcome: 'skipped',
      reason: 'the server has no exec endpoint (501), and the context home enables no routes',
    });
    expect(takeRequests(laptop.cluster)).to.include(ASKED);
    const kept = join(laptop.folder, 'state/endpoints');
    expect(readdirSync(kept)).to.deep.equal(['home.json']);
    expect(statSync(join(kept, 'home.json')).mode & 0o777).to.equal(0o600);
    await laptop.cli(['exec', '--context', 'home', '101', '--', 'true']);
    expect(takeRequests(laptop.cluster)).not.to.include(ASKED);
    const memory = JSON.parse(readFileSync(join(kept, 'home.json'), 'utf8')) as { askedAt: number };
    const old = { ...memory, askedAt: memory.askedAt - 31 * 24 * 3_600_000 };
    for (const content of [JSON.stringify(old), JSON.stringify({ ...memory, server: 'another' }), 'nonsense']) {
      writeFileSync(join(kept, 'home.json'), content);
      await laptop.cli(['exec', '--context', 'home', '101', '--', 'true']);
      expect(takeRequests(laptop.cluster), content).to.include(ASKED);
    }
  });

  it('says why ssh leads nowhere when nothing else may be used', async () => {
    const done = await laptop.cli(['exec', '--context', 'home', '101', '--', 'true']);
    expect(done.exitCode).to.equal(125);
    expect(expectErrorLine(done.stderr, 'PlatformUnreachable')).to.match(/ssh.*refused/);
  });

  it('names each route that the context enables, in its order, with its reason', async () => {
    const { attempts } = resultOf(
      await laptop.cli(['exec', '--context', 'other', '--json', '-t', '101', '--', 'true']),
    );
    expect(attempts.map(({ method }) => method)).to.deep.equal([
      'proxmox-api',
      'node-shell',
      'console',
      'pct',
      'lxc-attach',
    ]);
    expect(attempts[0]?.reason).to.equal('the server has no exec endpoint (501)');
  });

  it('knows without ssh that a container does not run, or is locked', async () => {
    for (const [vmid, code] of [
      ['102', 'ContainerNotRunning'],
      ['103', 'ContainerLocked'],
    ] as const) {
      const done = await laptop.cli(['exec', '--context', 'home', vmid, '--', 'true']);
      expect([done.exitCode, expectErrorLine(done.stderr, code)]).to.satisfy(([exit]: number[]) => exit === 125);
    }
    expect(takeRequests(laptop.cluster).filter((line) => line.includes('POST'))).to.deep.equal([]);
  });

  it('is part of what doctor tells, with and without a way', async () => {
    const { document, exitCode } = await callJson(['doctor'], { env: laptop.env });
    expect([exitCode, document['canExec']]).to.deep.equal([0, true]);
    const contexts = document['contexts'] as { context: string; reachable: boolean; routes: { enabled: boolean }[] }[];
    expect(contexts.map(({ context, reachable }) => [context, reachable])).to.deep.equal([
      ['home', true],
      ['other', true],
    ]);
    expect(contexts.map(({ routes }) => routes.map(({ enabled }) => enabled))).to.deep.equal([
      [false, false, false],
      [false, true, true],
    ]);
    laptop.write({ home: laptop.context({ hosts: ['127.0.0.1:1'] }) });
    const { stdout } = await laptop.cli(['doctor']);
    expect(stdout.toString()).to.match(/^home +problem +token +- +not asked +.*cannot be reached/m);
  });
});
