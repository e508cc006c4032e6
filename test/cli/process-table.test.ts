import { expect } from 'chai';

import { PROCESS_SORT_KEYS, processColumns } from '../../src/cli/process-table.ts';
import type { ContainerProcess } from '../../src/model/process.ts';
import { sortBy } from '../../src/oci/sort.ts';
import { renderTable } from '../../src/terminal/table.ts';

function processOf(given: Partial<ContainerProcess>): ContainerProcess {
  return {
    pid: 1,
    parentPid: 0,
    hostPid: 4000,
    user: 'root',
    uid: 0,
    gid: 0,
    hostUid: 100_000,
    hostGid: 100_000,
    state: 'S',
    terminal: null,
    threads: 1,
    cpuPercent: 0,
    cpuMs: 0,
    memoryBytes: 1024,
    startedAt: '2026-01-01T00:00:00.000Z',
    elapsedMs: 1000,
    command: '/sbin/init',
    args: ['/sbin/init'],
    argsTruncated: false,
    ...given,
  };
}

const PROCESSES = [
  processOf({}),
  processOf({
    pid: 20,
    user: null,
    uid: 33,
    cpuPercent: 123.46,
    cpuMs: 61_000,
    memoryBytes: 12_009_472,
    terminal: 'pts/3',
  }),
  processOf({ pid: 7, user: null, uid: null, hostUid: 0, state: 'D', elapsedMs: 90_061_000, command: 'a\u001bb' }),
];

const drawn = (wide: boolean) =>
  renderTable(processColumns(wide), PROCESSES, { width: undefined, color: false, truncate: false });

describe('the list of processes', () => {
  it('shows who, how much, how long and what', () => {
    expect(drawn(false)).to.equal(
      [
        'PID   USER      %CPU       MEM   ELAPSED   COMMAND',
        '  1   root       0.0    1.0KiB        1s   /sbin/init',
        ' 20   33       123.5   11.5MiB        1s   /sbin/init',
        '  7   host:0     0.0    1.0KiB      1d1h   a\\u001bb',
        '',
      ].join('\n'),
    );
  });

  it('shows more when it may be wide', () => {
    expect(drawn(true).split('\n').slice(0, 3)).to.deep.equal([
      'PID   PPID   HOSTPID   USER     STATE   TTY     THREADS    %CPU   TIME       MEM   ELAPSED   COMMAND',
      '  1      0      4000   root     S       -             1     0.0    0ms    1.0KiB        1s   /sbin/init',
      ' 20      0      4000   33       S       pts/3         1   123.5   1m1s   11.5MiB        1s   /sbin/init',
    ]);
  });

  it('keeps a command readable where the terminal is too narrow anyway', () => {
    const row = processOf({ user: 'somebody-with-a-long-name', command: '/usr/sbin/daemon --with --many --words' });
    const at60 = renderTable(processColumns(true), [row], { width: 60, color: false, truncate: true });
    expect(at60.split('\n')[1]).to.match(/ {3}somebod… {3}.* {3}\/usr\/sbin\/daemon --…$/);
  });

  it('can be sorted by each column', () => {
    const order = (key: string) => sortBy(PROCESSES, key, PROCESS_SORT_KEYS).map(({ pid }) => pid);
    expect(order('pid')).to.deep.equal([1, 7, 20]);
    expect(order('-cpu,pid')).to.deep.equal([20, 1, 7]);
    expect(order('-memory,-pid')).to.deep.equal([20, 7, 1]);
    expect(order('-elapsed,pid')).to.deep.equal([7, 1, 20]);
    expect(order('user')).to.deep.equal([20, 7, 1]);
    expect(order('tty,pid')).to.deep.equal([20, 1, 7]);
    const headers = processColumns(true).map(({ header }) => header.toLowerCase().replace('%', ''));
    expect(Object.keys(PROCESS_SORT_KEYS)).to.have.members(headers.map((name) => (name === 'mem' ? 'memory' : name)));
  });
});
