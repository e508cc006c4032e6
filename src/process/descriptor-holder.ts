import { spawn } from 'node:child_process';

import { helperEnvironment } from './executable.ts';

/** Needs no Node, and costs next to nothing while it waits. */
const SCRIPT = 'while kill -0 "$1" 2>/dev/null; do sleep 0.05; done';

/**
 * Keeps a descriptor of ours open for as long as another process runs, also when we die first.
 *
 * @param fd such as a lock.
 * @param pid the other process.
 * @returns what ends it before.
 */
export function holdDescriptor(fd: number, pid: number): () => void {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'proxmox-lxcri-holder', String(pid)], {
    cwd: '/',
    // What ends us does not end it.
    detached: true,
    env: helperEnvironment(),
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  child.on('error', () => {});
  child.unref();
  return () => void child.kill('SIGKILL');
}
