import { expect } from 'chai';

import { startExecution } from '../../src/oci/execution.ts';
import { hostInventory } from '../../src/oci/locate.ts';
import { ownUsers, usersIn } from '../../src/oci/own-users.ts';
import { assertNothingNew, snapshotProcesses, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';

describe('the users of a container of its own', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({
      kind: 'busybox',
      files: { '/etc/passwd': 'root:x:0:0::/:/bin/sh\nroot:x:7:7::/:\n9:x:9:9::/:\nbroken\nweb:x:33:33::/:' },
    });
  });

  after(() => container.destroy());

  const ask = async (target: string) =>
    Object.fromEntries(await ownUsers(hostInventory(), target, startExecution, 30_000));

  it('are those of its file, each once, without what is no name', async () => {
    const before = await snapshotProcesses(container);
    expect(await ask(container.name)).to.deep.equal({ root: 0, web: 33 });
    await assertNothingNew(container, before);
  });

  it('are none where it is not there', async () => {
    expect(await ask('no-such-container')).to.deep.equal({});
  });

  it('are read line by line', () => {
    expect([...usersIn('a:x:1:1\n:x:2:2\nb:x:zwei\nc:x:3')]).to.deep.equal([
      { name: 'a', uid: 1 },
      { name: 'c', uid: 3 },
    ]);
  });
});
