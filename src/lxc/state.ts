import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { LxcHandle } from '../model/container.ts';
import { findExecutable, helperEnvironment } from '../process/executable.ts';
import { monitorPid, sharesOurNetwork } from '../process/proc.ts';
import { askMonitor, commandSocketName, listeningSockets } from './command-socket.ts';
import type { LxcState, MonitorAnswer } from './command-socket.ts';
import { isFrozen } from './freezer.ts';

/** The state of a container, and its init process while it has one. */
export interface ContainerState {
  /** `UNREACHABLE`: its monitor runs, but cannot be asked from this network namespace. */
  readonly state: LxcState | 'UNREACHABLE';
  /** By the host's numbering. */
  readonly initPid: number | undefined;
}

/**
 * The state of an LXC container. The usual answer, "running", comes from its monitor in well under a millisecond;
 * a negative one is confirmed by `lxc-info`, because the monitor's socket is invisible from other network namespaces
 * and its name is hashed for long paths. It also waits longer for a monitor that is busy with a start.
 */
export async function lxcState(container: LxcHandle): Promise<ContainerState> {
  const { lxcpath, name } = container;
  const answer = (await askMonitor(lxcpath, name)) ?? (await askLxcInfo(container));
  if (answer !== undefined) return withFreezer(answer);
  const monitor = monitorPid(lxcpath, name);
  return silentState(monitor, monitor !== undefined && listeningSockets().has(commandSocketName(lxcpath, name) ?? ''));
}

/** The monitor does not know of freezing; the cgroup does. */
export function withFreezer({ state, initPid }: MonitorAnswer): ContainerState {
  return { state: state === 'RUNNING' && isFrozen(initPid) ? 'FROZEN' : state, initPid };
}

/**
 * The state of a container whose monitor does not answer.
 *
 * @param monitor its pid, where it runs: while the container starts it answers nobody (hooks may take long), and while
 *   the container ends it has closed its socket.
 * @param listens whether its socket is there.
 */
export function silentState(monitor: number | undefined, listens: boolean): ContainerState {
  if (monitor === undefined) return { state: 'STOPPED', initPid: undefined };
  if (sharesOurNetwork(monitor) !== true) return { state: 'UNREACHABLE', initPid: undefined };
  return { state: listens ? 'STARTING' : 'STOPPING', initPid: undefined };
}

/** `lxc-info`'s answer, or `undefined` when it says stopped, or cannot be run. */
async function askLxcInfo(container: LxcHandle): Promise<MonitorAnswer | undefined> {
  const lxcInfo = findExecutable('lxc-info');
  if (lxcInfo === undefined) return undefined;
  try {
    const { stdout } = await promisify(execFile)(lxcInfo, ['-n', container.name, '-P', container.lxcpath, '-s', '-p'], {
      cwd: '/',
      env: helperEnvironment(),
      timeout: 10_000,
    });
    const state = /^State:\s+(\w+)$/m.exec(stdout)?.[1] as LxcState | undefined;
    const initPid = Number(/^PID:\s+(\d+)$/m.exec(stdout)?.[1]);
    return state === undefined || !(initPid > 1) ? undefined : { state, initPid };
  } catch {
    return undefined;
  }
}
