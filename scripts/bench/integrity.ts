/** Whether much data passes through standard output and standard input unchanged. */
import { createHash, randomFillSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { heading, judged, row } from './report.ts';
import { bash } from './run.ts';
import type { Argv } from './run.ts';
import { interleave } from './statistics.ts';
import { exec, lxcAttach } from './subject.ts';
import type { Bench } from './subject.ts';

const MIB = 1024 * 1024;
const BLOCK_BYTES = 16 * MIB;

/** Random bytes again and again, with numbers between: $1 times the file $2. */
const NUMBERED_COPIES = 'i=0; while [ $i -lt $1 ]; do echo $i; cat "$2"; i=$((i + 1)); done';

/**
 * Sends data that shows every loss, change and exchange, to somebody who reads it. What a start takes is known from rounds
 * with nothing to carry: no byte passes through us here, so that it is all there could be between the two.
 *
 * @returns whether every byte arrived as it was sent.
 */
export async function benchIntegrity(bench: Bench): Promise<boolean> {
  const copies = bench.quick ? 2 : 64;
  const rounds = bench.quick ? 1 : 5;
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));
  const file = join(bench.root, 'tmp/block');
  writeFileSync(file, block);
  const expected = createHash('sha256');
  for (let copy = 0; copy < copies; copy++) expected.update(`${copy}\n`).update(block);
  const digest = expected.digest('hex');

  let intact = true;
  const secondsFor = (pipeline: string, argv: Argv, count: number): number => {
    const start = performance.now();
    const printed = bash(pipeline, argv, { env: { COPIES: String(count), BLOCK: file } });
    const seconds = (performance.now() - start) / 1000;
    intact &&= count === 0 || printed.startsWith(`${digest} `);
    return seconds;
  };
  const copy = (count: number): string[] => ['sh', '-c', NUMBERED_COPIES, 'sh', String(count), '/tmp/block'];
  const copyHere = `sh -c '${NUMBERED_COPIES}' sh "$COPIES" "$BLOCK"`;
  const contenders = [exec, lxcAttach].flatMap((how) =>
    [copies, 0].flatMap((count) => [
      () => secondsFor('"$@" | sha256sum', how(bench, copy(count)), count),
      () => secondsFor(`${copyHere} | "$@"`, how(bench, ['sha256sum']), count),
    ]),
  );
  const best = (await interleave(contenders, rounds, 0, bench.signal)).map((seconds) => Math.min(...seconds));
  rmSync(file);

  heading(`sha256sum of ${(copies * BLOCK_BYTES) / MIB} MiB of random data, fastest of ${rounds}`);
  row('sha256, out and in', intact ? 'equal' : 'DIFFERENT');
  ['out', 'in'].forEach((name, index) => {
    const [ours = Number.NaN, oursEmpty = Number.NaN, plain = Number.NaN, plainEmpty = Number.NaN] = [0, 2, 4, 6].map(
      (first) => best[first + index],
    );
    row(`${name}: exec / lxc-attach, start included`, (plain / ours).toFixed(2));
    judged(`${name}: exec / lxc-attach, once started`, (plain - plainEmpty) / (ours - oursEmpty), { atLeast: 0.9 });
  });
  return intact;
}
