/** A real Docker engine of the tests' own: its own data, sockets and containers, and never a service of the host. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Container } from '../lxc.ts';
import { needs } from '../component.ts';
import { remember } from '../ledger.ts';
import { RUN_PREFIX, SCRATCH_PARENT } from '../places.ts';
import { pidsInNamespaceOf } from '../proc.ts';
import { rootfsOf } from '../rootfs/cache.ts';
import type { Kind } from '../rootfs/kinds.ts';
import { must, run } from '../run.ts';
import type { RunResult } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { cgroupOf, removeEngine } from './remove.ts';

const DOCKERD = '/usr/sbin/dockerd';
const DOCKER = '/usr/bin/docker';

/** @param context mocha's `this` in a hook or test. */
export function needsDocker(context: { skip(): void }): void {
  needs(context, 'docker.io', existsSync(DOCKERD) && existsSync(DOCKER));
}

export interface DockerContainerOptions {
  kind?: Kind;
  /** Default: a name of its own. */
  name?: string;
  /** Further flags of `docker run`. */
  flags?: readonly string[];
  /** Default: it sleeps. */
  command?: readonly string[];
}

/** A container of the engine, seen from outside without the code under test. */
export interface DockerContainer extends Container {
  /** All 64 digits. */
  readonly id: string;
}

export interface TestEngine {
  readonly socket: string;
  /** For the CLI under test. */
  readonly environment: Record<string, string>;
  /** Docker's own client. */
  docker(...words: string[]): Promise<RunResult>;
  /** Makes a container and starts it. */
  run(options?: DockerContainerOptions): Promise<DockerContainer>;
  stop(): Promise<void>;
}

const START_MS = 60_000;
let containers = 0;

/** Starts one; takes a second or two. */
export async function startEngine(): Promise<TestEngine> {
  // A short path: sockets below it have long names.
  const directory = mkdtempSync(join(SCRATCH_PARENT, RUN_PREFIX));
  const forget = remember({ type: 'engine', directory });
  const file = (name: string): string => join(directory, name);
  const socket = file('s');
  mkdirSync(file('home'));
  writeFileSync(file('daemon.json'), '{}');
  const child = spawn(
    DOCKERD,
    [
      `--config-file=${file('daemon.json')}`,
      `--data-root=${file('data')}`,
      `--exec-root=${file('exec')}`,
      `--pidfile=${file('pid')}`,
      `--host=unix://${socket}`,
      '--iptables=false',
      '--ip-masq=false',
      '--bridge=none',
      `--cgroup-parent=${cgroupOf(directory)}`,
    ],
    {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: file('home') },
    },
  );
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  const environment = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: file('home') };
  const env = { PATH: process.env['PATH'], HOME: file('home'), ...environment };
  const docker = (...words: string[]): Promise<RunResult> => run([DOCKER, ...words], { env });
  const mustDocker = (...words: string[]): Promise<RunResult> => must([DOCKER, ...words], { env });
  await waitFor(async () => (await docker('version')).exitCode === 0, {
    what: 'dockerd to answer',
    timeoutMs: START_MS,
  }).catch((error: unknown) => {
    throw new Error(`dockerd says: ${log}`, { cause: error });
  });
  const images = new Set<string>();
  const imageOf = async (kind: Kind): Promise<string> => {
    const image = `plx-${kind}`;
    if (!images.has(kind))
      await must(['sh', '-c', `tar -C "$1" -c . | ${DOCKER} import - "$2"`, 'sh', rootfsOf(kind), image], { env });
    images.add(kind);
    return image;
  };
  return {
    socket,
    environment,
    docker,
    async run({ kind = 'busybox', name, flags: ofRun = [], command = ['/bin/sleep', '1000000'] } = {}) {
      containers += 1;
      const known = name ?? `${RUN_PREFIX}${containers}-${kind}`;
      const words = ['run', '--detach', '--init', '--network', 'none', '--name', known, ...ofRun];
      const { stdout } = await mustDocker(...words, await imageOf(kind), ...command);
      return containerOf(stdout.trim(), { kind, name: known, lxcpath: '', unprivileged: false }, mustDocker, docker);
    },
    async stop() {
      const { stdout } = await docker('ps', '--all', '--quiet');
      const ids = stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await docker('rm', '--force', ...ids);
      await ended(child);
      removeEngine(directory);
      forget();
    },
  };
}

/**
 * A container as its engine's own client shows it.
 *
 * @param mustDocker calls that client, and throws when it fails.
 * @param docker calls it.
 */
export function containerOf(
  id: string,
  identity: Pick<Container, 'kind' | 'name' | 'lxcpath' | 'unprivileged'>,
  mustDocker: TestEngine['docker'],
  docker: TestEngine['docker'],
): DockerContainer {
  const ask = async (format: string): Promise<string> =>
    (await mustDocker('inspect', '--format', format, id)).stdout.trim();
  const act = async (...words: string[]): Promise<void> => void (await mustDocker(...words, id));
  const initPid = async (): Promise<number> => Number(await ask('{{.State.Pid}}'));
  return {
    ...identity,
    id,
    initPid,
    start: () => act('start'),
    stop: () => act('kill'),
    freeze: () => act('pause'),
    unfreeze: () => act('unpause'),
    destroy: () => act('rm', '--force'),
    state: () => ask('{{.State.Status}}'),
    running: async () => (await ask('{{.State.Status}}')) === 'running',
    pids: async () => {
      const pid = await initPid();
      return pid === 0 ? [] : pidsInNamespaceOf(pid);
    },
    attach: (argv) => docker('exec', id, ...argv),
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
