import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { expect } from 'chai';

import { hostInventory } from '../../src/oci/locate.ts';
import { parseUsers, userNames } from '../../src/oci/user-names.ts';
import { assertNothingNew, createContainer, snapshotProcesses, startContainer } from '../support/lxc.ts';
import type { Container, ContainerFiles, Kind } from '../support/lxc.ts';

const INVENTORY = hostInventory();

describe('users in the form of passwd(5)', () => {
  const parse = (text: string): Record<string, string> => Object.fromEntries(parseUsers(text, new Set([0, 33, 1000])));

  it('have the first name that stands for their number', () => {
    expect(
      parse('root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nwww-data:x:33:33:w:/:\nbin:x:2:2::/:\n'),
    ).to.deep.equal({
      0: 'root',
      33: 'www-data',
    });
  });

  it('have no name where the line cannot be understood', () => {
    const lines = [
      '',
      'root',
      'root:x',
      'root:x:',
      'root:x:0x0:0',
      'root:x:-0:0',
      'root:x: 0:0',
      ':x:0:0',
      '1000:x:0:0',
    ];
    expect(parse(lines.join('\n'))).to.deep.equal({});
    expect(parse(`${'x'.repeat(257)}:x:0:0\nok:x:0:0`)).to.deep.equal({ 0: 'ok' });
  });
});

describe('the names of users', () => {
  const made: Container[] = [];
  afterEach(async () => {
    for (const container of made.splice(0)) await container.destroy();
  });

  async function started(kind: Kind, files: ContainerFiles = {}): Promise<Container> {
    const container = await startContainer({ kind, files });
    made.push(container);
    return container;
  }

  const namesIn = async ({ name }: Container, ...uids: number[]) =>
    Object.fromEntries(await userNames(INVENTORY, name, new Set(uids), undefined));

  it("are those of the container's passwd", async () => {
    const container = await started('busybox', {
      '/etc/passwd': 'root:x:0:0::/:/bin/sh\ninside:x:1234:0::/:/bin/sh\n',
    });
    expect(await namesIn(container, 0, 1234, 5)).to.deep.equal({ 0: 'root', 1234: 'inside' });
  });

  it('are those that it has from elsewhere, too', async () => {
    // nss-extrausers is not installed in the test's Debian; a getent of the container's own stands for it.
    const getent = '#!/bin/sh\n[ "$1" = passwd ] && shift && for uid; do echo "ldap$uid:x:$uid:0::/:/bin/sh"; done\n';
    const container = await started('debian', { '/usr/local/bin/getent': { content: getent, mode: 0o755 } });
    expect(await namesIn(container, 0, 70_000)).to.deep.equal({ 0: 'root', 70000: 'ldap70000' });
  });

  it('are read where a link in the container leads, not where it would on the host', async () => {
    const container = await createContainer({ kind: 'busybox', files: { '/srv/users': 'linked:x:0:0::/:/bin/sh\n' } });
    made.push(container);
    const etc = join(container.lxcpath, container.name, 'delta/etc');
    execFileSync('mkdir', ['-p', etc]);
    execFileSync('ln', ['-sf', '/srv/users', join(etc, 'passwd')]);
    await container.start();
    expect(await namesIn(container, 0)).to.deep.equal({ 0: 'linked' });
  });

  it('are none in a container without a shell, and nothing is asked where none is wanted', async () => {
    const container = await started('noshell');
    expect(await namesIn(container, 0)).to.deep.equal({});
    expect(await userNames(INVENTORY, 'no-such-container', new Set(), undefined)).to.deep.equal(new Map());
  });

  for (const [what, script] of [
    ['never ends', 'mkfifo /etc/passwd'],
    ['is endless', 'ln -s /dev/zero /etc/passwd'],
  ] as const) {
    it(`are not waited for, and nothing is left, where the answer ${what}`, async () => {
      const container = await started('busybox');
      await container.attach(['sh', '-c', `rm -f /etc/passwd; ${script}`]);
      const before = await snapshotProcesses(container);
      const begin = performance.now();
      expect(await namesIn(container, 0)).to.deep.equal({});
      expect(performance.now() - begin).to.be.lessThan(20_000);
      await assertNothingNew(container, before);
    });
  }
});
