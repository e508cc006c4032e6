/**
 * Measures the built program against plain lxc-attach and other runtimes, in containers of its own: `npm run bench`, as
 * root. With --quick it runs few rounds of little data, to see that it works.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { findExecutable } from '../src/process/executable.ts';
import { benchApi } from './bench/api.ts';
import { benchColdStart } from './bench/cold.ts';
import { benchDocker } from './bench/docker.ts';
import { benchIntegrity } from './bench/integrity.ts';
import { benchKubernetes } from './bench/kubernetes.ts';
import { benchList } from './bench/list.ts';
import { benchMemory } from './bench/memory.ts';
import { startPeers } from './bench/peers.ts';
import { bash } from './bench/run.ts';
import { benchSsh } from './bench/ssh.ts';
import type { Bench } from './bench/subject.ts';
import { benchThroughput } from './bench/throughput.ts';
import { benchValidation } from './bench/validation.ts';
import { startSmallContainer } from './container/container.ts';

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--quick');
  if (unknown !== undefined) return fail(`unknown argument ${unknown}; the only one there is: --quick`);
  if (process.geteuid?.() !== 0) return fail('containers are made by root; run: sudo npm run bench');
  const missing = ['lxc-start', 'lxc-attach', 'busybox', 'bash'].filter((name) => findExecutable(name) === undefined);
  if (missing.length > 0) return fail(`${missing.join(', ')} not found; run: npm run setup:host`);
  if (!existsSync(resolve(import.meta.dirname, '../dist/start.cjs'))) return fail('not built; run: npm run build');
  // Reading those certificates would be most of Node's start.
  delete process.env['NODE_EXTRA_CA_CERTS'];
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
  return measure(args.includes('--quick'), interruption.signal);
}

async function measure(quick: boolean, signal: AbortSignal): Promise<number> {
  const made = await startSmallContainer(`lxcri-bench-${process.pid}`);
  const scratch = mkdtempSync(join(tmpdir(), `lxcri-bench-${process.pid}-`));
  try {
    const peers = startPeers(made.root, scratch);
    try {
      const bench: Bench = { container: made.name, root: made.root, scratch, quick, signal };
      const [cpu] = cpus();
      const lxc = bash('lxc-attach --version').trim();
      console.log(`Node ${process.version}, LXC ${lxc}, Linux ${release()}, ${cpus().length} x ${cpu?.model ?? 'CPU'}`);
      await benchColdStart(bench, peers);
      await benchThroughput(bench);
      const intact = await benchIntegrity(bench);
      benchMemory(bench);
      await benchValidation(bench);
      await benchList(bench);
      await benchSsh(bench);
      await benchDocker(bench);
      await benchApi(bench);
      await benchKubernetes(bench);
      return intact ? 0 : fail('data was altered');
    } finally {
      for (const peer of peers) if ('remove' in peer) peer.remove();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    await made.remove();
  }
}

function fail(reason: string): number {
  console.error(`bench: ${reason}`);
  return 1;
}

// Whoever reads us may leave (`| head`): that is no reason to leave the containers behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = fail(error instanceof Error ? error.message : String(error));
}
