/** Commands over the API of a node, without ssh: a session of the library, and where its time goes. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { clustersOf } from '../../src/cli/inventory.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { startExecution } from '../../src/oci/execution.ts';
import type { ExecOptions } from '../../src/oci/execution.ts';
import type { HostInventory } from '../../src/oci/locate.ts';
import { heading, row } from './report.ts';
import { timeOf } from './run.ts';
import { median } from './statistics.ts';
import type { Bench } from './subject.ts';

const MIB = 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024, 7);

/** One `pct exec` on a node of Proxmox VE 9, recorded there: reading its configuration takes most of it. */
const PCT_EXEC_MS = 1544;

/** Only where the tests are: it is measured against their double of a node. */
export async function benchApi(bench: Bench): Promise<void> {
  heading('Over the API of a node (a double of it on this host): node-shell, in one session of a library');
  const double = join(import.meta.dirname, 'api-double.ts');
  const missing = ['openssl', 'dtach', 'perl'].find((name) => findExecutable(name) === undefined);
  if (missing !== undefined || !existsSync(join(import.meta.dirname, '../../test')))
    return row('node-shell', '-', missing === undefined ? 'needs the tests' : `${missing} is not installed`);
  const node = spawn(process.execPath, [double], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => node.once('exit', resolve));
  try {
    for await (const line of createInterface({ input: node.stdout })) {
      await measure(bench, JSON.parse(line) as Place);
      break;
    }
  } finally {
    node.stdin.end();
    await ended;
  }
}

interface Place {
  readonly env: Record<string, string>;
  readonly lxcpath: string;
}

async function measure({ quick, signal }: Bench, { env, lxcpath }: Place): Promise<void> {
  Object.assign(process.env, env);
  const clusters = await clustersOf(env['PROXMOX_LXCRI_STATE_DIR'] ?? '', { context: 'home' });
  const nothingHere = { lxcpaths: [], pve: new NodeConfig('/dev/null') };
  const inventory: HostInventory = { ...nothingHere, clusters: () => Promise.resolve(clusters) };
  const timed = async (script: string, options: ExecOptions = {}): Promise<number> => {
    const start = performance.now();
    const { result } = startExecution(inventory, '101', ['sh', '-c', script], { methods: ['node-shell'], ...options });
    const { exitCode, error } = await result;
    if (exitCode !== 0) throw new Error(`node-shell ended with ${exitCode}: ${error?.message}`);
    return performance.now() - start;
  };

  const first = await timed(':');
  const further: number[] = [];
  const attached: number[] = [];
  for (let round = 0; round < (quick ? 3 : 60); round++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await setImmediate(undefined, { signal });
    // oxlint-disable-next-line no-await-in-loop
    further.push(await timed(':'));
    attached.push(timeOf(['lxc-attach', '-n', '101', '-P', lxcpath, '--', 'sh', '-c', ':']));
  }
  row('first command, with the login', milliseconds(first), 'goal: 400 ms');
  row('each further one', milliseconds(median(further)), 'goal: 20 ms');
  row('lxc-attach on the node itself', milliseconds(median(attached)), 'interleaved with those');
  row('pct exec on the node itself', milliseconds(PCT_EXEC_MS), 'recorded, not measured here');

  const mebibytes = quick ? 8 : 256;
  const bytes = mebibytes * MIB;
  for (const direction of ['out', 'in'] as const) {
    // oxlint-disable-next-line no-await-in-loop
    await setImmediate(undefined, { signal });
    let received = 0;
    let left = bytes / BLOCK.length;
    const source = new Readable({
      read() {
        this.push(left-- > 0 ? BLOCK : null);
      },
    });
    // oxlint-disable-next-line no-await-in-loop
    const elapsed = await (direction === 'out'
      ? timed(`dd if=/dev/zero bs=1M count=${mebibytes} 2>/dev/null`, {
          stdout: { sink: (chunk) => void (received += chunk.length) },
        })
      : timed(`[ $(wc -c) = ${bytes} ]`, {
          stdin: { feed: (target) => (source.pipe(target), () => source.unpipe(target)) },
        }));
    if (direction === 'out' && received !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
    row(`${direction}: node-shell`, `${(bytes / 1000 / elapsed).toFixed(0)} MB/s`, 'goal: 50 MB/s');
  }
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`;
}
