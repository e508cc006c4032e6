import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { namedExecution } from '../../../src/oci/detached/kill.ts';
import { ExecutionStore } from '../../../src/oci/detached/store.ts';
import type { HostInventory } from '../../../src/oci/locate.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { clientOf, failureOf, pinned } from '../../proxmox/api/clients.ts';
import { createContainer, scratchDirectory } from '../../support/lxc.ts';
import { httpAnswer, openTlsServer } from '../../support/tls-server.ts';
import type { TlsServer } from '../../support/tls-server.ts';
import { clusterOf } from '../clusters.ts';

const ID = 'abcd1234-0000-4000-8000-000000000001';
/** As `GET /cluster/resources` lists one. */
const GUEST = { id: 'lxc/101', type: 'lxc', vmid: 101, node: 'pve1', status: 'running', name: 'abcd1', template: 0 };
const DIGITS = '12345678-0000-4000-8000-000000000002';

describe('a word for a container or an execution', () => {
  const lxcpath = scratchDirectory();
  const inventory: HostInventory = { lxcpaths: [lxcpath], pve: new NodeConfig('/nowhere') };
  const store = ExecutionStore.below(scratchDirectory());
  const named = (word: string): Promise<string | undefined> => namedExecution(store, word, inventory);

  before(() => {
    for (const id of [ID, DIGITS]) mkdirSync(join(store.directory, id), { recursive: true });
  });

  it('is an execution when an id begins so', async () => {
    expect(await Promise.all([named(ID), named('abcd'), named('12345678-0')])).to.deep.equal([ID, ID, DIGITS]);
  });

  it('is a container when there is one of that name', async () => {
    const container = await createContainer({ kind: 'busybox', name: 'abcd1', lxcpath });
    try {
      expect(await named('abcd1')).to.equal(undefined);
    } finally {
      await container.destroy();
    }
    expect(await named('abcd1')).to.equal(ID);
  });

  it('is a container when it is digits alone: a mistyped VMID must not end a command', async () => {
    expect(await Promise.all([named('12345678'), named('1234')])).to.deep.equal([undefined, undefined]);
  });

  it('is a container when it means no execution', async () => {
    const words = ['web', 'lxc:web', 'pve:101', 'ffff', 'a b', ''];
    expect(await Promise.all(words.map(named))).to.deep.equal(words.map(() => undefined));
  });

  it('is an unknown execution when it has the form of a whole id', async () => {
    expect((await failureOf(named(ID.replace('a', 'f')))).message).to.match(/no detached execution/);
  });

  describe('where clusters are asked', () => {
    let server: TlsServer;
    let answer = '';

    before(async () => {
      server = await openTlsServer((socket) => socket.write(answer));
    });

    after(() => server.close());

    beforeEach(() => server.requests.splice(0));

    const inClusters = (word: string): Promise<string | undefined> => {
      const cluster = clusterOf(clientOf([pinned(server)]));
      return namedExecution(store, word, { ...inventory, clusters: () => Promise.resolve([cluster]) });
    };

    it('is a container when a guest has that name, and an execution when none has', async () => {
      answer = httpAnswer('200 OK', JSON.stringify({ data: [GUEST] }));
      expect(await inClusters('abcd1')).to.equal(undefined);
      expect(await inClusters('abcd12')).to.equal(ID);
      expect(server.requests.length).to.equal(2);
    });

    it('is not guessed when they cannot be asked, but a whole id is clear', async () => {
      answer = httpAnswer('500 out of order', '');
      const { message, hint } = await failureOf(inClusters('abcd1'));
      expect(`${message}; ${hint}`).to.match(/out of order.*whole id/);
      server.requests.splice(0);
      expect(await inClusters(ID)).to.equal(ID);
      expect(await inClusters('nosuch')).to.equal(undefined);
      expect(server.requests).to.deep.equal([]);
    });
  });
});
