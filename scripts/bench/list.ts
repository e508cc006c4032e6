/** The list of many containers, against LXC's own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startSmallContainer } from '../container/container.ts';
import type { SmallContainer } from '../container/container.ts';
import { heading, judged, row } from './report.ts';
import { timeOf } from './run.ts';
import type { Argv } from './run.ts';
import { interleave, median, quantile } from './statistics.ts';
import { completion, ps } from './subject.ts';
import type { Bench } from './subject.ts';

/** Of all containers, one in so many is stopped. */
const STOPPED_EVERY = 4;

export async function benchList(bench: Bench): Promise<void> {
  const count = bench.quick ? 4 : 100;
  const rounds = bench.quick ? 2 : 20;
  const made: SmallContainer[] = [];
  try {
    for (let index = 0; index < count; index++) {
      bench.signal.throwIfAborted();
      const stopped = index % STOPPED_EVERY === 0;
      // oxlint-disable-next-line no-await-in-loop -- two cores start one after the other best
      made.push(await startSmallContainer(`${bench.container}-${index}`, { sharedRoot: bench.root, stopped }));
    }
    const empty = join(bench.scratch, 'empty.cjs');
    writeFileSync(empty, '');
    const contenders: [string, Argv][] = [
      ['node empty.cjs', [process.execPath, empty]],
      ['lxc-ls -f', ['lxc-ls', '-f']],
      ['ps', ps()],
      ['ps --json', ps('--json')],
      ['completion of a container', completion('containers')],
    ];
    const values = await interleave(
      contenders.map(
        ([, argv]) =>
          () =>
            timeOf(argv),
      ),
      rounds,
      1,
      bench.signal,
    );
    heading(`The list of ${count} containers more than were there, median of ${rounds} interleaved rounds`);
    const [node = Number.NaN, list = Number.NaN, own = Number.NaN] = values.map(median);
    contenders.forEach(([name], index) => {
      const times = values[index] ?? [];
      const [low, high] = [quantile(times, 0.1), quantile(times, 0.9)];
      row(name, `${median(times).toFixed(1)} ms`, `${low.toFixed(1)} ms to ${high.toFixed(1)} ms`);
    });
    judged('ps / (node + lxc-ls -f)', own / (node + list), { atMost: 2 });
  } finally {
    for (const container of made) {
      // oxlint-disable-next-line no-await-in-loop
      await container.remove();
    }
  }
}
