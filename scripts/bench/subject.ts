/** What is measured: our program, and the container it is measured in. */
import { readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Argv } from './run.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CLI = join(ROOT, 'bin/proxmox-lxcri');
const START = join(ROOT, 'dist/start.cjs');
const PROBE = join(import.meta.dirname, 'probe.cjs');

/** Where the measurements take place. */
export interface Bench {
  /** The container's name. */
  readonly container: string;
  /** Its root file system, seen from this host. */
  readonly root: string;
  /** For files of ours. */
  readonly scratch: string;
  /** Few rounds and little data. */
  readonly quick: boolean;
  /** Aborted when the user has had enough. */
  readonly signal: AbortSignal;
}

export function exec({ container }: Bench, command: readonly string[], flags: readonly string[] = []): Argv {
  return [CLI, 'exec', ...flags, container, '--', ...command];
}

/** The list of containers. */
export function ps(...flags: readonly string[]): Argv {
  return [CLI, 'ps', ...flags];
}

/** What a shell asks when a key is pressed. */
export function completion(kind: string): Argv {
  return [CLI, '__complete', kind];
}

export function lxcAttach({ container }: Bench, command: readonly string[]): Argv {
  return ['lxc-attach', '-n', container, '--', ...command];
}

/** What probe.cjs found out about one run. */
export interface ProbeReport {
  readonly startMs: number;
  readonly attachMs: number | null;
  readonly endMs: number;
  readonly peakKiB: number;
}

/** `exec` with the probe inside; the launcher is left out, because it keeps options from our Node. */
export function probedExec(
  bench: Bench,
  command: readonly string[],
  flags: readonly string[] = [],
): { argv: Argv; env: Record<string, string>; report: () => ProbeReport } {
  const file = join(bench.scratch, 'probe.json');
  const words = ['exec', ...flags, bench.container, '--', ...command];
  return {
    argv: [process.execPath, '--require', PROBE, START, ...words],
    env: { PROXMOX_LXCRI_PROBE: file },
    report: () => {
      const report = JSON.parse(readFileSync(file, 'utf8')) as ProbeReport;
      rmSync(file);
      return report;
    },
  };
}
