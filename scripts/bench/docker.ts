/** Commands in a container of Docker: whole calls, those of a library that stays, and data, against Docker's own client. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';
import { compareLibrary } from './library.ts';
import { heading, judged, row } from './report.ts';
import { timeOf } from './run.ts';
import type { Argv } from './run.ts';
import { interleave, median } from './statistics.ts';
import { exec } from './subject.ts';
import type { Bench } from './subject.ts';
import { compareThroughput } from './throughput.ts';

/** The client of Debian's package, as old as the engine. */
const OF_THE_PACKAGE = '/usr/bin/docker';

const TESTS = join(import.meta.dirname, '../../test');

/** Only where the tests are: the engine is one of theirs. */
export async function benchDocker(bench: Bench): Promise<void> {
  heading('In a container of Docker');
  const docker = findExecutable('docker');
  if (docker === undefined || !existsSync('/usr/sbin/dockerd'))
    return row('exec docker:', '-', 'Docker is not installed');
  if (!existsSync(TESTS)) return row('exec docker:', '-', 'needs the tests');
  const { startEngine } = await import('../../test/support/docker/engine.ts');
  const engine = await startEngine();
  const before = { ...process.env };
  try {
    Object.assign(process.env, engine.environment);
    const { name } = await engine.run();
    const ours = (command: readonly string[]): Argv => exec({ ...bench, container: `docker:${name}` }, command);
    const plain = (command: readonly string[]): Argv => [docker, 'exec', '--interactive', name, ...command];
    await benchStart(bench, ours(['true']), name, [...new Set([docker, OF_THE_PACKAGE])]);
    await compareLibrary(bench, `docker:${name}`, { name: 'docker exec', argv: [docker, 'exec', name, 'true'] });
    await compareThroughput(bench, {
      ours,
      peer: plain,
      peerName: 'docker exec',
      mebibytes: bench.quick ? 8 : 256,
      rounds: bench.quick ? 2 : 7,
      atLeast: 1,
    });
  } finally {
    // Docker's own client, elsewhere here, means the host's engine.
    for (const variable of Object.keys(engine.environment)) {
      const value = before[variable];
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
    }
    await engine.stop();
  }
}

/** @param clients each is compared: they differ by a tenth. */
async function benchStart(
  { quick, signal }: Bench,
  ours: Argv,
  name: string,
  clients: readonly string[],
): Promise<void> {
  const calls = [ours, ...clients.map((client): Argv => [client, 'exec', name, 'true'])];
  const rounds = quick ? 3 : 60;
  const measured = await interleave(
    calls.map((argv) => () => timeOf(argv)),
    rounds,
    quick ? 1 : 3,
    signal,
  );
  const [own = Number.NaN, ...peers] = measured.map(median);
  row('cold: exec docker:C -- true', milliseconds(own));
  for (const [index, client] of clients.entries()) {
    const peer = peers[index] ?? Number.NaN;
    row('cold: docker exec C true', milliseconds(peer), `interleaved with those, ${versionOf(client)}`);
    judged('cold: exec / docker exec', own / peer, { atMost: 1.5, goal: 1 });
  }
}

function versionOf(client: string): string {
  const said = execFileSync(client, ['--version'], { encoding: 'utf8' });
  return `client ${/\d[\w.+]*/.exec(said)?.[0] ?? '?'}`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}
