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
 * Sends data that shows every loss, change and exchange, to somebody who reads it.
 *
 * @returns whether every byte arrived as it was sent.
 */
export async function benchIntegrity(bench: Bench): Promise<boolean> {
  const copies = bench.quick ? 2 : 64;
  const rounds = bench.quick ? 1 : 3;
  const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));
  const file = join(bench.root, 'tmp/block');
  writeFileSync(file, block);
  const expected = createHash('sha256');
  for (let copy = 0; copy < copies; copy++) expected.update(`${copy}\n`).update(block);
  const digest = expected.digest('hex');

  let intact = true;
  const secondsFor = (pipeline: string, argv: Argv): number => {
    const start = performance.now();
    const printed = bash(pipeline, argv, { env: { COPIES: String(copies), BLOCK: file } });
    const seconds = (performance.now() - start) / 1000;
    intact &&= printed.startsWith(`${digest} `);
    return seconds;
  };
  const copy = ['sh', '-c', NUMBERED_COPIES, 'sh', String(copies), '/tmp/block'];
  const copyHere = `sh -c '${NUMBERED_COPIES}' sh "$COPIES" "$BLOCK"`;
  const contenders = [exec, lxcAttach].flatMap((how) => [
    () => secondsFor('"$@" | sha256sum', how(bench, copy)),
    () => secondsFor(`${copyHere} | "$@"`, how(bench, ['sha256sum'])),
  ]);
  const best = (await interleave(contenders, rounds, 0, bench.signal)).map((seconds) => Math.min(...seconds));
  const [ourOut = Number.NaN, ourIn = Number.NaN, plainOut = Number.NaN, plainIn = Number.NaN] = best;
  rmSync(file);

  heading(`sha256sum of ${(copies * BLOCK_BYTES) / MIB} MiB of random data, fastest of ${rounds}, start included`);
  row('sha256, out and in', intact ? 'equal' : 'DIFFERENT');
  judged('out: exec / lxc-attach', plainOut / ourOut, { atLeast: 0.9 });
  judged('in: exec / lxc-attach', plainIn / ourIn, { atLeast: 0.9 });
  return intact;
}
