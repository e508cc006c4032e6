import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { LxcHandle } from '../model/container.ts';
import { findExecutable, helperEnvironment } from '../process/executable.ts';
import { hasMonitorProcess } from '../process/proc.ts';
import { askMonitor } from './command-socket.ts';
import type { LxcState } from './command-socket.ts';
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
 * and its name is hashed for long paths.
 */
export async function lxcState(container: LxcHandle): Promise<ContainerState> {
  const answer = (await askMonitor(container.lxcpath, container.name)) ?? (await askLxcInfo(container));
  if (answer === undefined) {
    return {
      state: hasMonitorProcess(container.lxcpath, container.name) ? 'UNREACHABLE' : 'STOPPED',
      initPid: undefined,
    };
  }
  // The monitor does not know of freezing; the cgroup does.
  if (answer.state === 'RUNNING' && isFrozen(answer.initPid)) return { state: 'FROZEN', initPid: answer.initPid };
  return answer;
}

/** `lxc-info`'s answer, or `undefined` when it says stopped, or cannot be run. */
async function askLxcInfo(container: LxcHandle): Promise<{ state: LxcState; initPid: number } | undefined> {
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
