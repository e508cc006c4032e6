/** Commands in a pod, beside `kubectl exec`: on a containerd of our own, behind the test's API server. */
import { resolve } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';
import { startKubernetes } from '../../test/support/kubernetes.ts';
import { compareLibrary } from './library.ts';
import { heading, judged, row } from './report.ts';
import { bash, timeOf } from './run.ts';
import type { Argv } from './run.ts';
import { interleave, median } from './statistics.ts';
import type { Bench } from './subject.ts';

const PROGRAMS = ['kubectl', 'containerd', 'runc', 'go'];

export async function benchKubernetes(bench: Bench): Promise<void> {
  const { quick, signal } = bench;
  const missing = PROGRAMS.filter((name) => findExecutable(name) === undefined);
  heading('Kubernetes, beside kubectl exec');
  if (missing.length > 0) return row('kubectl exec', '-', `${missing.join(', ')} not found`);
  const cluster = await startKubernetes();
  const before = process.env['KUBECONFIG'];
  try {
    const { name } = await cluster.createPod();
    process.env['KUBECONFIG'] = cluster.kubeconfig;
    const program = resolve(import.meta.dirname, '../../bin/proxmox-lxcri');
    const ours = (...command: string[]): Argv => [program, 'exec', `k8s:${name}`, '--', ...command];
    const theirs = (...command: string[]): Argv => ['kubectl', 'exec', '-i', name, '--', ...command];

    const rounds = quick ? 3 : 30;
    const cold = [theirs('true'), ours('true')].map((argv) => () => timeOf(argv));
    const [kubectl = [], exec = []] = await interleave(cold, rounds, 1, signal);
    row('kubectl exec', `${median(kubectl).toFixed(1)} ms`);
    row('exec', `${median(exec).toFixed(1)} ms`);
    judged('exec / kubectl exec', median(exec) / median(kubectl), { atMost: 2.5, goal: 1 });
    await compareLibrary(bench, `k8s:${name}`, { name: 'kubectl exec', argv: theirs('true') });

    const mebibytes = quick ? 8 : 256;
    const bytes = String(mebibytes * 1024 ** 2);
    const flow = async (
      line: (words: Argv) => () => void,
      ofOurs: Argv,
      ofTheirs: Argv,
      what: string,
    ): Promise<void> => {
      const both = [line(ofTheirs), line(ofOurs)].map((run) => () => {
        const start = performance.now();
        run();
        return performance.now() - start;
      });
      const [one = [], other = []] = await interleave(both, quick ? 1 : 3, 0, signal);
      const rate = (times: readonly number[]): string => `${((mebibytes * 1000) / median(times)).toFixed(0)} MiB/s`;
      row(`${mebibytes} MiB ${what}, kubectl exec`, rate(one));
      row(`${mebibytes} MiB ${what}, exec`, rate(other));
      judged(`${what}: exec / kubectl exec`, median(other) / median(one), { atMost: 1.5, goal: 1 });
    };
    const output = ['head', '-c', bytes, '/dev/zero'];
    await flow(
      (words) => () => void bash('"$@" | cat >/dev/null', words),
      ours(...output),
      theirs(...output),
      'output',
    );
    const sum = ['wc', '-c'];
    const line = `head -c ${bytes} /dev/zero | "$@"`;
    await flow((words) => () => void bash(line, words), ours(...sum), theirs(...sum), 'input');
  } finally {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
    await cluster.stop();
  }
}
