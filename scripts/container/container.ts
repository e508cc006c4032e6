/** A small LXC container without a network, for the scripts that show or measure something in a real one. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { DEFAULT_LXCPATH } from '../../src/lxc/lxcpath.ts';
import { makeBusyboxRoot } from './rootfs.ts';

/** A container that {@link startSmallContainer} made. */
export interface SmallContainer {
  readonly name: string;
  readonly root: string;
  /** Ends all that runs in it and deletes its files; harmless when that has been done. */
  remove(): Promise<void>;
}

/** How to make a container; everything is optional. */
export interface SmallContainerOptions {
  /** A root file system of another one, which goes on belonging to that. Default: one of its own. */
  readonly sharedRoot?: string;
  /** Default: it runs. */
  readonly stopped?: boolean;
}

/**
 * Makes a container and starts it.
 *
 * @param name one that no container has.
 * @throws Error when it cannot be started; nothing of it is left then.
 */
export async function startSmallContainer(
  name: string,
  { sharedRoot, stopped = false }: SmallContainerOptions = {},
): Promise<SmallContainer> {
  const directory = join(DEFAULT_LXCPATH, name);
  const root = sharedRoot ?? join(directory, 'rootfs');
  mkdirSync(DEFAULT_LXCPATH, { recursive: true });
  // Fails when it exists: what remove() deletes must be ours.
  mkdirSync(directory, { mode: 0o755 });
  const container: SmallContainer = { name, root, remove: () => remove(name, directory) };
  try {
    if (sharedRoot === undefined) {
      mkdirSync(root);
      makeBusyboxRoot(root);
    }
    writeFileSync(join(directory, 'config'), configText(name, root));
    if (stopped) return container;
    const log = join(directory, 'lxc.log');
    const { code, output } = await lxc('lxc-start', name, '--logpriority', 'WARN', '--logfile', log);
    if (code !== 0) throw new Error(`lxc-start failed (${code}): ${output}${readIfThere(log)}`);
    return container;
  } catch (error) {
    await container.remove();
    throw error;
  }
}

function configText(name: string, root: string): string {
  const settings = {
    'lxc.uts.name': name,
    'lxc.rootfs.path': `dir:${root}`,
    'lxc.init.cmd': '/sbin/init',
    // Nothing of the host's set-up is needed: no bridge, no loaded profile.
    'lxc.net.0.type': 'empty',
    'lxc.apparmor.profile': 'unconfined',
    'lxc.mount.auto': 'proc:mixed sys:mixed',
    'lxc.tty.max': '0',
    'lxc.pty.max': '64',
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

async function remove(name: string, directory: string): Promise<void> {
  await lxc('lxc-stop', name, '--kill');
  await lxc('lxc-wait', name, '--state', 'STOPPED', '--timeout', '10');
  rmSync(directory, { recursive: true, force: true });
}

/** In a session of its own, so that Ctrl-C at our terminal leaves it to us to clean up. */
function lxc(program: string, name: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['--name', name, '--lxcpath', DEFAULT_LXCPATH, ...args], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)));
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, output }));
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
