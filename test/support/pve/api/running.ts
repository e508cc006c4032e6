/** Whether a container runs, found out the way Proxmox does. */
import { readFileSync } from 'node:fs';
import { runSync } from '../../run.ts';
import { processInfo } from '../../proc.ts';

const TICKS_PER_SECOND = 100;

/** By the socket of its monitor, which a frozen one has too. */
export function runningContainers(lxcpath: string): ReadonlySet<number> {
  const prefix = `@${lxcpath}/`;
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
  const names = lines.flatMap((line) => {
    const name = line.split(' ').at(-1) ?? '';
    return name.startsWith(prefix) && name.endsWith('/command') ? [name.slice(prefix.length, -'/command'.length)] : [];
  });
  return new Set(names.map(Number));
}

export function isRunningContainer(lxcpath: string, vmid: number): boolean {
  return runningContainers(lxcpath).has(vmid);
}

/** The host's pid of the container's first process, and how long it has run, in seconds. */
export function initOf(lxcpath: string, vmid: number): { pid: number; uptime: number } {
  const pid = Number(runSync(['lxc-info', '-n', String(vmid), '-P', lxcpath, '-p', '-H']).stdout.trim());
  const started = Number(processInfo(pid)?.startTime ?? 0) / TICKS_PER_SECOND;
  const [now = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ');
  return { pid, uptime: Math.max(0, Math.floor(Number(now) - started)) };
}
