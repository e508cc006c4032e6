/** Other ways to run a command in a container, each in a busybox container of its own, to compare with. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';
import { bash } from './run.ts';
import type { Argv } from './run.ts';

/** A program to compare with, or why it cannot be. */
export type Peer =
  | { readonly name: string; readonly exec: Argv; readonly remove: () => void }
  | { readonly name: string; readonly absent: string };

/**
 * Makes a container for every one that works here.
 *
 * @param root a root file system with busybox in it.
 * @param directory an empty one for what the programs need.
 */
export function startPeers(root: string, directory: string): Peer[] {
  const name = `lxcri-bench-${process.pid}`;
  return [
    attempt('runc', () => ociRuntime('runc', root, join(directory, 'runc'), name)),
    attempt('crun', () => ociRuntime('crun', root, join(directory, 'crun'), name)),
    attempt('docker', () => docker(root, name)),
  ];
}

function attempt(name: string, start: () => Peer): Peer {
  if (findExecutable(name) === undefined) return { name, absent: 'not installed' };
  try {
    return start();
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).split('\n');
    return { name, absent: `does not run here: ${lines.at(0)?.replace(/^.*ended with \d+: /, '')}` };
  }
}

const OCI_NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'network'];

function ociRuntime(program: string, root: string, directory: string, name: string): Peer {
  const state = join(directory, 'state');
  mkdirSync(state, { recursive: true });
  const config = {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/bin/sleep', '1000000'],
      env: ['PATH=/bin:/sbin'],
      cwd: '/',
    },
    root: { path: root, readonly: true },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: OCI_NAMESPACES.map((type) => ({ type })) },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const remove = (): void => {
    spawnSync(program, ['--root', state, 'delete', '--force', name], { stdio: 'ignore' });
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    // Its output goes to a file, because the container's process inherits it and would keep a pipe open.
    const run = '"$1" --root "$2" run --detach --bundle "$3" "$4" >"$3/log" 2>&1 || { cat "$3/log" >&2; exit 1; }';
    bash(run, [program, state, directory, name]);
  } catch (error) {
    remove();
    throw error;
  }
  return { name: program, exec: [program, '--root', state, 'exec', name, 'true'], remove };
}

function docker(root: string, name: string): Peer {
  if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0)
    return { name: 'docker', absent: 'no engine answers' };
  const image = `lxcri-bench:${process.pid}`;
  const remove = (): void => {
    spawnSync('docker', ['rm', '--force', name], { stdio: 'ignore' });
    spawnSync('docker', ['rmi', image], { stdio: 'ignore' });
  };
  try {
    bash('tar -C "$1" -c . | docker import - "$2"', [root, image]);
    bash('docker run --detach --name "$1" --network none "$2" /bin/sleep 1000000', [name, image]);
  } catch (error) {
    remove();
    throw error;
  }
  return { name: 'docker', exec: ['docker', 'exec', name, 'true'], remove };
}
