/** The peak resident memory of our process while much passes through the command. */
import { heading, judged, row } from './report.ts';
import { bash } from './run.ts';
import { probedExec } from './subject.ts';
import type { Bench } from './subject.ts';

export function benchMemory(bench: Bench): void {
  const mebibytes = bench.quick ? 32 : 1024;
  const peak = (pipeline: string, command: readonly string[], flags: readonly string[] = []): number => {
    const { argv, env, report } = probedExec(bench, command, flags);
    bash(pipeline, argv, { env });
    return (report().peakKiB * 1024) / 1e6;
  };
  const zeros = ['dd', 'if=/dev/zero', 'bs=1M', `count=${mebibytes}`];
  const text = ['sh', '-c', `yes "a line of text" | dd bs=1M iflag=fullblock count=${mebibytes}`];

  heading(`Peak resident memory with ${mebibytes} MiB passing, in MB`);
  judged('out', peak('"$@" | cat >/dev/null', zeros), { atMost: 100 });
  judged('in', peak(`dd if=/dev/zero bs=1M count=${mebibytes} | "$@" >/dev/null`, ['cat']), { atMost: 100 });
  row('out with --json, which keeps 8 MiB of it', peak('"$@" | cat >/dev/null', text, ['--json']).toFixed(2));
}
