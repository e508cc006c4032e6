/** The time from calling to having the answer, with nothing running before. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { installPackage } from './installed.ts';
import type { Peer } from './peers.ts';
import { heading, judged, row } from './report.ts';
import { timeOf } from './run.ts';
import type { Argv } from './run.ts';
import { interleave, median, quantile } from './statistics.ts';
import { exec, lxcAttach } from './subject.ts';
import type { Bench } from './subject.ts';

const COMMAND = ['true'];
const INSTALLED = 'exec, the Debian package';

export async function benchColdStart(bench: Bench, peers: readonly Peer[]): Promise<void> {
  const empty = join(bench.scratch, 'empty.cjs');
  writeFileSync(empty, '');
  const contenders = new Map<string, Argv>([
    ['node empty.cjs', [process.execPath, empty]],
    ['lxc-attach', lxcAttach(bench, COMMAND)],
    ['exec', exec(bench, COMMAND)],
    ['exec --json', exec(bench, COMMAND, ['--json'])],
  ]);
  const installed = installPackage(bench, COMMAND);
  if ('exec' in installed) contenders.set(INSTALLED, installed.exec);
  for (const peer of peers) if ('exec' in peer) contenders.set(`${peer.name} exec`, peer.exec);

  const rounds = bench.quick ? 3 : 60;
  const all = [...contenders.values()].map((argv) => () => timeOf(argv));
  const values = await interleave(all, rounds, bench.quick ? 1 : 3, bench.signal);
  const medians = new Map<string, number>();

  heading(`Cold start of "true", median of ${rounds} interleaved rounds`);
  [...contenders.keys()].forEach((name, index) => {
    const times = values[index] ?? [];
    medians.set(name, median(times));
    row(
      name,
      milliseconds(median(times)),
      `${milliseconds(quantile(times, 0.1))} to ${milliseconds(quantile(times, 0.9))}`,
    );
  });
  if ('absent' in installed) row(INSTALLED, '-', installed.absent);
  for (const peer of peers) if ('absent' in peer) row(`${peer.name} exec`, '-', peer.absent);

  // Moving a process to another cgroup waits for the kernel, about 10 ms, unless one was moved just before.
  const crowded = (await interleave([() => timeOf(lxcAttach(bench, COMMAND))], rounds, 1, bench.signal)).flat();
  row(
    'lxc-attach, one right after the other',
    milliseconds(median(crowded)),
    'not how it is used: the kernel waits once for many',
  );

  const of = (name: string): number => medians.get(name) ?? Number.NaN;
  judged('exec / (node + lxc-attach)', of('exec') / (of('node empty.cjs') + of('lxc-attach')), {
    atMost: 1.8,
    goal: 1.4,
  });
  if ('exec' in installed) row(`${INSTALLED} / exec`, (of(INSTALLED) / of('exec')).toFixed(2));
  row('exec --json / exec', (of('exec --json') / of('exec')).toFixed(2));
  for (const peer of peers) {
    if ('exec' in peer) row(`exec / ${peer.name} exec`, (of('exec') / of(`${peer.name} exec`)).toFixed(2));
  }
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}
