/** Podman's service with an own store: it speaks as an engine of Docker does, as far as it does. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { needs } from '../component.ts';
import { remember } from '../ledger.ts';
import { RUN_PREFIX, SCRATCH_PARENT } from '../places.ts';
import { rootfsOf } from '../rootfs/cache.ts';
import { must, run } from '../run.ts';
import type { RunResult } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { containerOf } from './engine.ts';
import type { DockerContainer } from './engine.ts';
import { cgroupOf, removeEngine } from './remove.ts';

const PODMAN = '/usr/bin/podman';
const START_MS = 60_000;
const MOST_PROCESSES = 20_000;

/** @param context mocha's `this` in a hook or test. */
export function needsPodman(context: { skip(): void }): void {
  needs(context, 'podman', existsSync(PODMAN));
}

export interface TestPodman {
  /** For the CLI under test. */
  readonly environment: Record<string, string>;
  readonly container: DockerContainer;
  stop(): Promise<void>;
}

/** Starts the service, and a container whose shell waits for every process it is given. */
export async function startPodman(): Promise<TestPodman> {
  const directory = mkdtempSync(join(SCRATCH_PARENT, RUN_PREFIX));
  const forget = remember({ type: 'engine', directory });
  const file = (name: string): string => join(directory, name);
  mkdirSync(file('home'));
  const env = { PATH: process.env['PATH'], HOME: file('home') };
  const places = ['--root', file('root'), '--runroot', file('run'), '--tmpdir', file('tmp')];
  // As engines without systemd have it; crun refuses hosts with both kinds of cgroups.
  const kinds = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--runtime', 'runc'];
  const podman = (...words: string[]): Promise<RunResult> => run([PODMAN, ...places, ...kinds, ...words], { env });
  const mustPodman = (...words: string[]): Promise<RunResult> => must([PODMAN, ...places, ...kinds, ...words], { env });
  const socket = file('s');
  const service = spawn(PODMAN, [...places, ...kinds, 'system', 'service', '--time=0', `unix://${socket}`], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env,
  });
  const ended = new Promise((resolve) => service.once('exit', resolve));
  await waitFor(() => existsSync(socket), { what: 'the service of Podman', timeoutMs: START_MS });
  const line = 'tar -C "$1" -c . | "$2" "$@" import - plx-busybox';
  const store = line.replace('"$@"', [...places, ...kinds].map((word) => `'${word}'`).join(' '));
  await must(['sh', '-c', store, 'sh', rootfsOf('busybox'), PODMAN], { env });
  const name = `${RUN_PREFIX}podman`;
  const wait = 'sleep 1000000 & while :; do wait; done';
  // It gives every container TERM, which would hide what we do with it.
  const own = ['--cgroup-parent', cgroupOf(directory), ...ownLimits()];
  const flags = ['--detach', '--network', 'none', '--unsetenv', 'TERM', ...own, '--name', name];
  const { stdout } = await mustPodman('run', ...flags, 'plx-busybox', '/bin/sh', '-c', wait);
  const identity = { kind: 'busybox', name, lxcpath: '', unprivileged: false } as const;
  return {
    environment: { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: file('home') },
    container: containerOf(stdout.trim(), identity, mustPodman, podman),
    async stop() {
      await podman('rm', '--all', '--force', '--time', '0');
      service.kill('SIGTERM');
      await ended;
      removeEngine(directory);
      forget();
    },
  };
}

/**
 * Podman would ask for more than it may, where it is itself in a container: the number of processes is then seen to be
 * limited further, without a word in its own limits.
 */
function ownLimits(): string[] {
  const hard = /^Max processes +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return ['--ulimit', 'nofile=1024', '--ulimit', `nproc=${Math.min(Number(hard ?? MOST_PROCESSES), MOST_PROCESSES)}`];
}
