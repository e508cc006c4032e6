/** Commands in a container of another node, over ssh: whole calls, with and without a connection that is there already. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { findExecutable } from '../../src/process/executable.ts';
import { startSmallContainer } from '../container/container.ts';
import { heading, row } from './report.ts';
import { bash } from './run.ts';
import type { Argv } from './run.ts';
import { median } from './statistics.ts';
import { exec } from './subject.ts';
import type { Bench } from './subject.ts';

const TESTS = join(import.meta.dirname, '../../test');

/** Only where the tests are: the node is one of theirs, an sshd of this host. */
export async function benchSsh(bench: Bench): Promise<void> {
  heading('In a container of another node, over ssh (to this host)');
  if (findExecutable('sshd') === undefined && !existsSync('/usr/sbin/sshd'))
    return row('exec over ssh', '-', 'sshd is not installed');
  if (!existsSync(TESTS)) return row('exec over ssh', '-', 'needs the tests');
  const { startSshCluster } = await import('../../test/support/pve/ssh-cluster.ts');
  const vmid = 500_000_000 + (process.pid % 100_000_000);
  const made = await startSmallContainer(String(vmid), { sharedRoot: bench.root });
  try {
    const cluster = await startSshCluster({ nodes: { pve2: [{ vmid, hostname: 'bench' }] } });
    try {
      const timed = (argv: Argv, env: Record<string, string>): number => {
        const start = performance.now();
        bash('"$@" >/dev/null 2>&1 </dev/null', argv, { env });
        return performance.now() - start;
      };
      const ours = (): number => timed(exec({ ...bench, container: String(vmid) }, ['true']), cluster.environment);
      const plain: Argv = ['ssh', 'pve2', 'lxc-attach', '-n', String(vmid), '--', 'true'];
      const first = ours();
      const further: number[] = [];
      const alone: number[] = [];
      for (let round = 0; round < (bench.quick ? 2 : 20); round++) {
        // oxlint-disable-next-line no-await-in-loop -- signals of the system arrive here only
        await setImmediate(undefined, { signal: bench.signal });
        further.push(ours());
        alone.push(timed(plain, cluster.laptop));
      }
      row('exec over ssh, with the login', `${first.toFixed(1)} ms`);
      row(
        'exec over ssh, each further one',
        `${median(further).toFixed(1)} ms`,
        'a call of its own, the connection kept',
      );
      row('ssh NODE lxc-attach', `${median(alone).toFixed(1)} ms`, 'interleaved with those');
      row('exec over ssh, further / ssh NODE lxc-attach', (median(further) / median(alone)).toFixed(2));
    } finally {
      await cluster.stop();
    }
  } finally {
    await made.remove();
  }
}
