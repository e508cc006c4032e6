/** What it costs to know that a command can run before anything is started. */
import { hostInventory, locate } from '../../src/oci/locate.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { validateRunning } from '../../src/oci/validate.ts';
import { heading, row } from './report.ts';
import { bash } from './run.ts';
import { median } from './statistics.ts';
import { probedExec } from './subject.ts';
import type { Bench } from './subject.ts';

export async function benchValidation(bench: Bench): Promise<void> {
  const calls = bench.quick ? 20 : 200;
  const times: number[] = [];
  for (let call = 0; call < calls; call++) {
    const start = performance.now();
    const container = locate(parseReference(bench.container), hostInventory());
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await validateRunning(container);
    times.push(performance.now() - start);
  }

  const runs = bench.quick ? 2 : 20;
  const { argv, env, report } = probedExec(bench, ['true']);
  const reports = Array.from({ length: runs }, () => {
    bash('"$@"', argv, { env });
    return report();
  });
  const of = (value: (each: (typeof reports)[number]) => number): string =>
    `${median(reports.map(value)).toFixed(1)} ms`;

  heading('Validation, and where a cold run spends its time (medians)');
  row(`locate + validate, of ${calls} calls in one process`, `${(median(times) * 1000).toFixed(0)} us`);
  row('  the first of them', `${((times[0] ?? Number.NaN) * 1000).toFixed(0)} us`);
  row(
    `cold, of ${runs}: until our first line (Node itself)`,
    of(({ startMs }) => startMs),
  );
  row(
    '  from there until lxc-attach is started',
    of(({ startMs, attachMs }) => (attachMs ?? Number.NaN) - startMs),
  );
  row(
    '  from there until we leave',
    of(({ attachMs, endMs }) => endMs - (attachMs ?? Number.NaN)),
  );
}
