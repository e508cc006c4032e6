import { expect } from 'chai';

import { CONTAINER_SORT_KEYS, containerColumns } from '../../src/cli/container-table.ts';
import type { ContainerSummary } from '../../src/model/status.ts';
import { sortBy } from '../../src/oci/sort.ts';
import { renderTable } from '../../src/terminal/table.ts';
import { summary } from '../oci/summaries.ts';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');

function table(...rows: ContainerSummary[]): string {
  return renderTable(containerColumns(rows, NOW), rows, { width: undefined, color: false, truncate: false });
}

const WEB = summary({
  id: '101',
  name: 'web',
  platform: 'proxmox',
  node: 'pve1',
  status: 'running',
  pid: 4711,
  startedAt: '2026-11-21T11:58:57.000Z',
});

describe('the table of containers', () => {
  it('leaves out the columns that say nothing', () => {
    expect(table(summary({ id: 'web' }))).to.equal(
      'ID    PLATFORM   STATUS    PID   UPTIME\nweb   lxc        stopped     -        -\n',
    );
    expect(table()).to.equal('ID   PLATFORM   STATUS   PID   UPTIME\n');
  });

  it('has them where they do', () => {
    const rows = [WEB, summary({ id: 'db', lock: 'backup', lxcpath: '/srv/lxc' })];
    const [header, first, second] = table(...rows).split('\n');
    expect(header?.split(/ +/)).to.deep.equal('ID NAME PLATFORM NODE STATUS PID UPTIME LOCK LXCPATH'.split(' '));
    expect(first).to.match(/^101 +web +proxmox +pve1 +running +4711 +1m3s +\/var\/lib\/lxc$/);
    expect(second).to.match(/^db +db +lxc +stopped +- +- +backup +\/srv\/lxc$/);
  });

  it('is sorted by each of its keys', () => {
    const rows = [summary({ id: '9' }), { ...WEB, lock: 'backup' }, summary({ id: '10', name: 'a', status: 'frozen' })];
    const first = (key: string) => sortBy(rows, key, CONTAINER_SORT_KEYS)[0]?.id;
    expect(Object.keys(CONTAINER_SORT_KEYS).map((key) => [key, first(key)])).to.deep.equal([
      ['id', '9'],
      ['name', '9'],
      ['platform', '9'],
      ['node', '101'],
      ['status', '10'],
      ['pid', '101'],
      ['started', '101'],
    ]);
    expect(first('-name')).to.equal('101');
  });
});
