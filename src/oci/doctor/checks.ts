import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Check, CheckResult } from '../../model/diagnosis.ts';
import { findExecutable } from '../../process/executable.ts';
import { sharesOurNetwork } from '../../process/proc.ts';
import { isRoot } from '../privileges.ts';

/** What the checks need to know that is not on the host itself. */
export interface CheckOptions {
  readonly onProxmox: boolean;
  /** Where what must outlive a restart is kept. */
  readonly stateDirectory: string;
  /** Whether node-pty can be loaded. */
  readonly nodePty: boolean;
  /** Containers whose monitors cannot be asked. */
  readonly unreachable: readonly string[];
}

/** What this host has and lacks of what commands in containers need. */
export function checkHost({ onProxmox, stateDirectory, nodePty, unreachable }: CheckOptions): Check[] {
  return [
    root(),
    { name: 'node', result: 'ok', detail: `${process.version} (${process.execPath})`, hint: null },
    tool('lxc-attach', 'problem', 'install LXC'),
    ...['lxc-start', 'lxc-stop', 'lxc-info'].map((name) => tool(name, 'warning', 'install all of LXC')),
    ...(onProxmox ? [tool('pct', 'warning', 'install pve-container: start and stop need it')] : []),
    freezer(),
    sockets(),
    network(unreachable),
    {
      name: 'node-pty',
      result: nodePty ? 'ok' : 'warning',
      detail: nodePty
        ? 'present'
        : 'cannot be loaded: there is no terminal for commands where we have none (exec --tty)',
      hint: nodePty ? null : 'install this program again, with its optional dependencies',
    },
    state(stateDirectory),
  ];
}

function root(): Check {
  return isRoot()
    ? { name: 'root', result: 'ok', detail: 'yes', hint: null }
    : {
        name: 'root',
        result: 'problem',
        detail: 'no: commands in containers are run as root',
        hint: 'run: sudo proxmox-lxcri doctor',
      };
}

function tool(name: string, lack: CheckResult, hint: string): Check {
  const file = findExecutable(name);
  return file === undefined
    ? { name, result: lack, detail: 'not found', hint }
    : { name, result: 'ok', detail: file, hint: null };
}

/** The mounts that src/lxc/freezer.ts reads. */
function freezer(): Check {
  const found = [
    existsSync('/sys/fs/cgroup/cgroup.controllers') && 'v2',
    existsSync('/sys/fs/cgroup/unified/cgroup.controllers') && 'v2 (hybrid)',
    existsSync('/sys/fs/cgroup/freezer') && 'v1',
  ].filter((version) => version !== false);
  return {
    name: 'cgroup freezer',
    result: found.length > 0 ? 'ok' : 'warning',
    detail: found.length > 0 ? found.join(', ') : 'not found: frozen containers look as if they ran',
    hint: found.length > 0 ? null : 'mount the cgroup file system on /sys/fs/cgroup',
  };
}

function sockets(): Check {
  const file = '/proc/net/unix';
  try {
    readFileSync(file, 'latin1');
    return { name: 'sockets', result: 'ok', detail: file, hint: null };
  } catch (error) {
    return {
      name: 'sockets',
      result: 'problem',
      detail: `running containers are not found: ${(error as Error).message}`,
      hint: 'mount /proc',
    };
  }
}

/** A monitor can be asked in its own network namespace only, which is the one that LXC was started in. */
function network(unreachable: readonly string[]): Check {
  const name = 'network namespace';
  const which = { true: "that of the host's init", false: "another than that of the host's init" };
  const shared = sharesOurNetwork(1);
  const ours = shared === undefined ? "unknown whether that of the host's init" : which[`${shared}`];
  if (unreachable.length === 0) return { name, result: 'ok', detail: ours, hint: null };
  const others = unreachable.join(', ');
  // Without root, where a monitor runs is hidden.
  return isRoot()
    ? {
        name,
        result: 'warning',
        detail: `${ours}; monitors are in others: ${others}`,
        hint: 'run this where LXC was started, such as: nsenter -t 1 -n proxmox-lxcri ...',
      }
    : {
        name,
        result: 'warning',
        detail: `${ours}; without root it is unknown where the monitors of these run: ${others}`,
        hint: 'run: sudo proxmox-lxcri doctor',
      };
}

/** Where it does not exist yet, the directory that it would be made in counts. */
function state(directory: string): Check {
  let existing = directory;
  while (!existsSync(existing) && existing !== '/') existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
    return { name: 'state directory', result: 'ok', detail: directory, hint: null };
  } catch (error) {
    return {
      name: 'state directory',
      result: 'warning',
      detail: `${directory} cannot be written: ${(error as Error).message}`,
      hint: 'make it writable, or name another one in the configuration',
    };
  }
}
