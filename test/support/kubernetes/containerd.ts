/** A containerd of the tests' own, with the plugin that a kubelet talks to: its own data, sockets and containers. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findExecutable } from '../../../src/process/executable.ts';
import { must, run } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { type ImageName, imageArchive, imageReference } from './images.ts';

export interface Containerd {
  readonly socket: string;
  /** Makes an image known to it; once is enough. */
  provide(image: ImageName): Promise<void>;
}

const START_MS = 60_000;
const IMPORT_MS = 120_000;

/** What the kubelet's plugin needs is little: the rest would only take time, or leave something on the host. */
const DISABLED_PLUGINS = [
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.restart',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
];

/**
 * @param directory everything of it is in there, and in the cgroup of the same name: see `removeEngine`.
 */
export async function startContainerd(directory: string): Promise<Containerd> {
  const file = (name: string): string => join(directory, name);
  const socket = file('containerd.sock');
  mkdirSync(file('log'));
  writeFileSync(file('containerd.toml'), configuration(directory, socket));
  const child = spawn(program('containerd'), ['--config', file('containerd.toml')], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  child.stderr?.pipe(createWriteStream(file('log/containerd.log')));
  const ctr = [program('ctr'), '--address', socket, '--namespace', 'k8s.io'] as const;
  await waitFor(async () => (await run([...ctr, 'version'])).exitCode === 0, {
    what: 'containerd to answer',
    timeoutMs: START_MS,
  }).catch((error: unknown) => {
    throw new Error(`containerd says: ${log}`, { cause: error });
  });
  const provided = new Map<ImageName, Promise<unknown>>();
  return {
    socket,
    async provide(image) {
      const known = provided.get(image);
      const importing = known ?? must([...ctr, 'images', 'import', imageArchive(image)], { timeoutMs: IMPORT_MS });
      provided.set(image, importing);
      await importing;
    },
  };
}

/** Its path, wherever this Debian has it. */
function program(name: string): string {
  return findExecutable(name) ?? name;
}

function configuration(directory: string, socket: string): string {
  const path = (name: string): string => JSON.stringify(join(directory, name));
  return `version = 2
root = ${path('root')}
state = ${path('state')}
disabled_plugins = ${JSON.stringify(DISABLED_PLUGINS)}
[grpc]
address = ${JSON.stringify(socket)}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${imageReference('pause')}"
stream_server_address = "127.0.0.1"
stream_server_port = "0"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = ${path('cni')}
conf_dir = ${path('cni')}
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = ${path('runc')}
`;
}
