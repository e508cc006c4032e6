/** Commands by the guest agent: our client, as a program has it, and one in Go, over the same connection's way. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createRuntime } from '../../src/index.ts';
import { benchClient, findGo, guestAgent } from '../guest-agent.ts';
import { heading, row } from './report.ts';
import { median } from './statistics.ts';
import type { Bench } from './subject.ts';

const RELAY = join(import.meta.dirname, 'hybrid-relay');
const MIB = 1024 * 1024;
const START_MS = 20_000;

/** What bench-client prints. */
interface GoReport {
  readonly trueP50Ms: number;
  readonly outputMiBps: number;
  readonly inputMiBps: number;
}

/** Only where the agent can be built. */
export async function benchVsock({ scratch, quick, signal }: Bench): Promise<void> {
  heading('By the guest agent, over a Unix socket as that of a VMM');
  if (findGo() === undefined) return row('exec by the agent', '-', 'Go is not installed');
  const [agent, client, relay] = [guestAgent(), benchClient(), join(scratch, 'relay')];
  buildRelay(relay);
  const [own, vmm] = [join(scratch, 'agent.sock'), join(scratch, 'vm.sock')];
  const started: ChildProcess[] = [];
  try {
    started.push(spawn(agent, ['-listen', `unix:${own}`], { stdio: 'ignore' }));
    await untilThere(own, signal);
    started.push(spawn(relay, [vmm, own], { stdio: 'ignore' }));
    await untilThere(vmm, signal);
    const [rounds, runs, mebibytes] = quick ? [1, 5, 8] : [5, 100, 128];
    const go: GoReport[] = [];
    const ours: GoReport[] = [];
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      go.push(runGo(client, vmm, runs, mebibytes));
      // oxlint-disable-next-line no-await-in-loop -- in turn, so that the machine's moods hit both
      ours.push(await runOurs(`vsock:${vmm}`, runs, mebibytes));
    }
    const p50 = (reports: readonly GoReport[]): number => median(reports.map(({ trueP50Ms }) => trueP50Ms));
    const best = (reports: readonly GoReport[], what: 'outputMiBps' | 'inputMiBps'): number =>
      Math.max(...reports.map((report) => report[what]));
    row('exec true, p50: ours, in one process', `${p50(ours).toFixed(2)} ms`, `${rounds} rounds of ${runs}`);
    row('exec true, p50: a client in Go', `${p50(go).toFixed(2)} ms`, 'interleaved with those');
    row('exec true: ours / Go', (p50(ours) / p50(go)).toFixed(2));
    for (const [name, what] of [
      ['out', 'outputMiBps'],
      ['in', 'inputMiBps'],
    ] as const) {
      row(`${name}: ours`, `${best(ours, what).toFixed(0)} MiB/s`, `${mebibytes} MiB, fastest round`);
      row(`${name}: a client in Go`, `${best(go, what).toFixed(0)} MiB/s`);
      row(`${name}: ours / Go`, (best(ours, what) / best(go, what)).toFixed(2));
    }
  } finally {
    // The agent gives back its control group when it is asked to end.
    for (const child of started.toReversed()) if (child.kill()) await once(child, 'exit');
  }
}

function buildRelay(output: string): void {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  const { status, stderr } = spawnSync('go', ['build', '-o', output, '.'], { cwd: RELAY, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`go build of the relay failed: ${stderr}`);
}

async function untilThere(path: string, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + START_MS; !existsSync(path); ) {
    if (performance.now() > end) throw new Error(`${path} is not there`);
    // oxlint-disable-next-line no-await-in-loop -- nothing tells of it
    await sleep(10, undefined, { signal });
  }
}

function runGo(client: string, socket: string, runs: number, mebibytes: number): GoReport {
  const args = ['-socket', socket, '-port', '2222', '-runs', String(runs), '-mib', String(mebibytes)];
  const { status, stdout, stderr } = spawnSync(client, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the client in Go failed: ${stderr}`);
  return JSON.parse(stdout) as GoReport;
}

async function runOurs(reference: string, runs: number, mebibytes: number): Promise<GoReport> {
  const runtime = createRuntime();
  const times: number[] = [];
  for (let run = -1; run < runs; run++) {
    const begin = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    expectSuccess(await runtime.exec(reference, ['true']));
    // The first one connects.
    if (run >= 0) times.push(performance.now() - begin);
  }
  let begin = performance.now();
  let received = 0;
  const source = runtime.exec(reference, ['head', '-c', String(mebibytes * MIB), '/dev/zero'], { stdout: 'pipe' });
  source.stdout.on('data', (chunk: Buffer) => (received += chunk.length));
  expectSuccess(await source);
  if (received !== mebibytes * MIB) throw new Error(`${received} bytes came instead of ${mebibytes * MIB}`);
  const outputMiBps = mebibytes / ((performance.now() - begin) / 1000);
  begin = performance.now();
  const drain = runtime.exec(reference, ['sh', '-c', 'cat >/dev/null'], { stdin: 'pipe' });
  const chunk = Buffer.alloc(MIB / 4);
  for (let sent = 0; sent < mebibytes * 4; sent++) {
    if (drain.stdin.write(chunk)) continue;
    // oxlint-disable-next-line no-await-in-loop -- when there is room again
    await new Promise((done) => drain.stdin.once('drain', done));
  }
  drain.stdin.end();
  expectSuccess(await drain);
  const inputMiBps = mebibytes / ((performance.now() - begin) / 1000);
  return { trueP50Ms: median(times), outputMiBps, inputMiBps };
}

function expectSuccess({ exitCode, error }: { exitCode: number; error: { message: string } | null }): void {
  if (exitCode !== 0) throw new Error(`a command ended with ${exitCode}: ${error?.message ?? ''}`);
}
