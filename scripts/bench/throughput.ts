/** How fast data passes through standard output and standard input. */
import { heading, judged, row } from './report.ts';
import { bash } from './run.ts';
import type { Argv } from './run.ts';
import { interleave } from './statistics.ts';
import { exec, lxcAttach } from './subject.ts';
import type { Bench } from './subject.ts';

const MIB = 1024 * 1024;

/** Against plain lxc-attach. At gigabytes a second a start would be most of what is seen: it is told apart. */
export function benchThroughput(bench: Bench): Promise<void> {
  return compareThroughput(bench, {
    ours: (command) => exec(bench, command),
    peer: (command) => lxcAttach(bench, command),
    peerName: 'lxc-attach',
    mebibytes: bench.quick ? 32 : 1024,
    rounds: bench.quick ? 2 : 9,
    atLeast: 0.9,
  });
}

/** Two ways to run a command, whose streams are compared. */
export interface Throughput {
  readonly ours: (command: readonly string[]) => Argv;
  readonly peer: (command: readonly string[]) => Argv;
  readonly peerName: string;
  readonly mebibytes: number;
  readonly rounds: number;
  /** Of the peer's megabytes a second. */
  readonly atLeast: number;
}

/**
 * Megabytes (10^6) a second of ours and of a peer. The fastest round counts, because pipes have two speeds that differ by a
 * factor of three, as the scheduler places their two ends. What a start takes is known from rounds with nothing to carry.
 */
export async function compareThroughput({ signal }: Bench, compared: Throughput): Promise<void> {
  const { ours: own, peer, peerName, mebibytes, rounds, atLeast } = compared;
  const directions = [
    { name: 'out', pipeline: '("$@" 2>/dev/null | dd of=/dev/null bs=1M) 2>&1', command: source },
    { name: 'in', pipeline: '(dd if=/dev/zero bs=1M count="$0" | "$@" 2>/dev/null) 2>&1', command: drain },
  ];
  const contenders = directions.flatMap(({ pipeline, command }) =>
    [mebibytes, 0].flatMap((amount) =>
      [own, peer].map((how) => () => secondsFor(pipeline, how(command(amount)), amount)),
    ),
  );
  const best = (await interleave(contenders, rounds, 1, signal)).map((seconds) => Math.min(...seconds));

  heading(`Throughput of ${mebibytes} MiB, fastest of ${rounds} interleaved rounds, start included`);
  directions.forEach(({ name }, index) => {
    const [ours = Number.NaN, plain = Number.NaN, oursEmpty = Number.NaN, plainEmpty = Number.NaN] = best.slice(
      index * 4,
    );
    const rate = (seconds: number): string => `${((mebibytes * MIB) / 1e6 / seconds).toFixed(0)} MB/s`;
    row(`${name}: exec`, rate(ours), `${milliseconds(oursEmpty)} of ${milliseconds(ours)} without data`);
    row(`${name}: ${peerName}`, rate(plain), `${milliseconds(plainEmpty)} of ${milliseconds(plain)} without data`);
    row(`${name}: exec / ${peerName}, start included`, (plain / ours).toFixed(2));
    judged(`${name}: exec / ${peerName}, once started`, (plain - plainEmpty) / (ours - oursEmpty), { atLeast });
  });
}

function source(mebibytes: number): string[] {
  return ['dd', 'if=/dev/zero', 'bs=1M', `count=${mebibytes}`];
}

function drain(): string[] {
  return ['dd', 'of=/dev/null', 'bs=1M'];
}

/** The time a pipeline takes, in which the host's `dd` says how many bytes went through. */
function secondsFor(pipeline: string, argv: Argv, mebibytes: number): number {
  const start = performance.now();
  const said = bash(pipeline, argv, { zero: String(mebibytes) });
  const seconds = (performance.now() - start) / 1000;
  if (!said.includes(`${mebibytes * MIB} bytes`)) throw new Error(`${argv.join(' ')}: lost bytes: ${said}`);
  return seconds;
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}
