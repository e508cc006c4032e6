import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { namedExecution } from '../../../src/oci/detached/kill.ts';
import { ExecutionStore } from '../../../src/oci/detached/store.ts';
import type { HostInventory } from '../../../src/oci/locate.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { createContainer, scratchDirectory } from '../../support/lxc.ts';

const ID = 'abcd1234-0000-4000-8000-000000000001';
const DIGITS = '12345678-0000-4000-8000-000000000002';

describe('a word for a container or an execution', () => {
  const lxcpath = scratchDirectory();
  const inventory: HostInventory = { lxcpaths: [lxcpath], pve: new NodeConfig('/nowhere') };
  const store = ExecutionStore.below(scratchDirectory());
  const named = (word: string): string | undefined => namedExecution(store, word, inventory);

  before(() => {
    for (const id of [ID, DIGITS]) mkdirSync(join(store.directory, id), { recursive: true });
  });

  it('is an execution when an id begins so', () => {
    expect([named(ID), named('abcd'), named('12345678-0')]).to.deep.equal([ID, ID, DIGITS]);
  });

  it('is a container when there is one of that name', async () => {
    const container = await createContainer({ kind: 'busybox', name: 'abcd1', lxcpath });
    try {
      expect(named('abcd1')).to.equal(undefined);
    } finally {
      await container.destroy();
    }
    expect(named('abcd1')).to.equal(ID);
  });

  it('is a container when it is digits alone: a mistyped VMID must not end a command', () => {
    expect([named('12345678'), named('1234')]).to.deep.equal([undefined, undefined]);
  });

  it('is a container when it means no execution', () => {
    for (const word of ['web', 'lxc:web', 'pve:101', 'ffff', 'a b', '']) expect(named(word), word).to.equal(undefined);
  });

  it('is an unknown execution when it has the form of a whole id', () => {
    expect(() => named(ID.replace('a', 'f'))).to.throw(/no detached execution/);
  });
});
