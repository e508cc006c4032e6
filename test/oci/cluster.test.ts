import { expect } from 'chai';

import type { LxcriError } from '../../src/model/errors.ts';
import { findGuest, listKnownGuests } from '../../src/oci/cluster.ts';
import type { Cluster } from '../../src/oci/cluster.ts';
import { parseReference } from '../../src/oci/reference.ts';
import type { Guest } from '../../src/proxmox/api/guests.ts';
import { clientOf, failureOf, pinned } from '../proxmox/api/clients.ts';
import { httpAnswer, openTlsServer } from '../support/tls-server.ts';
import type { TlsServer } from '../support/tls-server.ts';
import { clusterOf } from './clusters.ts';

/** As `GET /cluster/resources` lists it. */
const WEB = { id: 'lxc/101', type: 'lxc', vmid: 101, node: 'pve1', status: 'running', name: 'web', template: 0 };

const DOWN = httpAnswer('500 out of order', '');

function listing(...guests: object[]): string {
  return httpAnswer('200 OK', JSON.stringify({ data: guests }));
}

describe('a guest of several clusters', () => {
  const servers: TlsServer[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  async function clusters(answers: Record<string, string>): Promise<Cluster[]> {
    const all: Cluster[] = [];
    for (const [name, answer] of Object.entries(answers)) {
      const server = await openTlsServer((socket) => socket.write(answer));
      servers.push(server);
      all.push(clusterOf(clientOf([pinned(server)]), { name, alone: false, current: false }));
    }
    return all;
  }

  async function refusal(word: string, answers: Record<string, string>): Promise<LxcriError> {
    return failureOf(findGuest(parseReference(word), await clusters(answers)));
  }

  it('is found when all of them answer, and one has it', async () => {
    const found = await findGuest(parseReference('web'), await clusters({ home: listing(WEB), lab: listing() }));
    expect([found.id, found.node, found.template]).to.deep.equal(['101', 'pve1', undefined]);
  });

  it('is not taken for the one that was meant while another cluster may have it as well', async () => {
    for (const word of ['web', '101', 'pve:101', 'pve:pve1/web']) {
      const { code, message, hint } = await refusal(word, { home: listing(WEB), lab: DOWN });
      expect(code, word).to.equal('PlatformUnreachable');
      expect(message, word).to.match(/is pve:pve1\/101 \(home\), but the cluster lab, .* out of order/);
      expect(hint, word).to.equal('to mean that one: pve:101@home');
    }
  });

  it('is told by the error of the cluster that cannot be asked where no other has it', async () => {
    const { code, message } = await refusal('web', { home: DOWN, lab: listing() });
    expect(message).to.include('out of order');
    expect(code).not.to.equal('ContainerNotFound');
  });

  it('is ambiguous when two have it, whatever a third one says', async () => {
    const { code, message, hint } = await refusal('web', { home: listing(WEB), lab: listing(WEB), gone: DOWN });
    expect([code, message.includes('(home)'), message.includes('(lab)')]).to.deep.equal([
      'AmbiguousContainer',
      true,
      true,
    ]);
    expect(hint).to.equal('name the one that is meant: pve:101@home, pve:101@lab');
  });

  it('is the one with that VMID, also where another one is named so', async () => {
    const named = { ...WEB, id: 'lxc/205', vmid: 205, name: '101' };
    const found = await findGuest(parseReference('pve:101'), await clusters({ home: listing(WEB, named) }));
    expect(found.id).to.equal('101');
  });

  it('says of a template that it is one', async () => {
    const mold = listing({ ...WEB, template: 1, status: 'stopped' });
    expect(await findGuest(parseReference('web'), await clusters({ home: mold }))).to.deep.include({ template: true });
  });
});

describe('what is known of the guests of clusters', () => {
  const servers: TlsServer[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  const REMEMBERED: Guest = {
    vmid: '201',
    type: 'lxc',
    node: 'pve1',
    name: 'old',
    status: 'stopped',
    template: false,
    lock: undefined,
    tags: [],
    pool: undefined,
    uptime: undefined,
  };

  /** The ids that are listed, and how often the server was asked and something was remembered. */
  async function known(answer: string | undefined, ageMs: number | undefined, limitMs = 60_000) {
    let asked = 0;
    const kept: (readonly Guest[])[] = [];
    const server = await openTlsServer((socket) => {
      asked += 1;
      if (answer !== undefined) socket.write(answer);
    });
    servers.push(server);
    const cluster = clusterOf(clientOf([pinned(server)]), {
      guests: {
        known: () => (ageMs === undefined ? undefined : { guests: [REMEMBERED], ageMs }),
        keep: (guests) => kept.push(guests),
      },
    });
    const found = await listKnownGuests([cluster], AbortSignal.timeout(limitMs));
    return { ids: found.map(({ id }) => id), asked, kept: kept.flat().map(({ vmid }) => vmid) };
  }

  it('is what was told a moment ago', async () => {
    expect(await known(listing(WEB), 100)).to.deep.equal({ ids: ['201'], asked: 0, kept: [] });
  });

  it('is asked for after that, and remembered', async () => {
    for (const ageMs of [undefined, 3_600_000])
      expect(await known(listing(WEB), ageMs)).to.deep.equal({ ids: ['101'], asked: 1, kept: ['101'] });
  });

  it('is what was told at any time where no answer comes, or none of use', async () => {
    expect((await known(DOWN, 3_600_000)).ids).to.deep.equal(['201']);
    expect((await known(undefined, 3_600_000, 200)).ids).to.deep.equal(['201']);
    expect(await known(DOWN, undefined)).to.deep.include({ ids: [], kept: [] });
  });
});
