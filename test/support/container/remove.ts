/** Takes a container off the host in whatever state it is; synchronous, since exit handlers cannot wait. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monitorPid } from '../../../src/process/proc.ts';
import { removeCgroup, topCgroups } from '../cgroups.ts';
import { DEFAULT_LXCPATH } from '../places.ts';
import { isRunning } from '../proc.ts';
import { runSync } from '../run.ts';
import { pause } from '../wait-for.ts';

export interface ContainerAddress {
  lxcpath: string;
  name: string;
}

const LOG_DIRECTORY = '/var/log/lxc';
const MONITOR_TIMEOUT_MS = 5_000;
const CGROUP_TIMEOUT_MS = 1_000;
const CGROUP_ENTERED_MS = 300;

export function removeContainer(container: ContainerAddress): void {
  const directory = join(container.lxcpath, container.name);
  if (existsSync(join(directory, 'config'))) {
    killContainer(container);
  }
  rmSync(directory, { recursive: true, force: true });
  // What the code under test starts is logged there, as LXC does it by default.
  if (container.lxcpath === DEFAULT_LXCPATH) rmSync(join(LOG_DIRECTORY, `${container.name}.log`), { force: true });
  removeCgroups(container.name);
}

/**
 * Ends every process in the container, and returns when LXC's monitor of it is gone too. The monitor is found by its
 * title: asked over its socket, it refuses root now and then, and a container that runs would be taken for a stopped one.
 */
export function killContainer({ lxcpath, name }: ContainerAddress): void {
  const monitor = monitorPid(lxcpath, name);
  if (monitor === undefined) {
    return;
  }
  // Its socket is one of the network namespace that it was started in.
  const there = ['nsenter', `--net=/proc/${monitor}/ns/net`] as const;
  const address = ['-n', name, '-P', lxcpath] as const;
  let said = '';
  for (const deadline = Date.now() + MONITOR_TIMEOUT_MS; isRunning(monitor); pause(2)) {
    if (Date.now() > deadline) {
      // The container's init dies with its monitor (lxc.monitor.signal.pdeath).
      process.kill(monitor, 'SIGKILL');
      throw new Error(`lxc-stop left the monitor ${monitor} of ${name} behind: ${said}`);
    }
    // Frozen processes of a v1 cgroup do not die before they are thawed.
    runSync([...there, 'lxc-unfreeze', ...address]);
    const stopped = runSync([...there, 'lxc-stop', ...address, '-k']);
    said = stopped.stderr;
  }
}

/**
 * LXC removes its cgroups itself, unless its monitor was killed; the container's processes then die after it, and have
 * to be waited for. A cgroup that stays in use belongs to another container of the same name (VMIDs are common), for
 * which LXC puts a number behind one of the names. That one may be just starting, in another run: a cgroup that LXC has
 * made and not entered yet is not taken away from it.
 */
function removeCgroups(name: string): void {
  const ours = new RegExp(`/lxc\\.(payload|monitor)\\.${name}(-\\d+)?$`);
  const left = (): string[] => topCgroups().filter((path) => ours.test(path));
  const seenAt = new Map<string, number>();
  for (const deadline = Date.now() + CGROUP_TIMEOUT_MS; ; pause(5)) {
    const cgroups = left();
    for (const path of cgroups) {
      const since = seenAt.get(path) ?? Date.now();
      seenAt.set(path, since);
      if (Date.now() - since >= CGROUP_ENTERED_MS) removeCgroup(path);
    }
    if (cgroups.length === 0 || Date.now() > deadline) {
      return;
    }
  }
}
