/** What the tasks do to real containers, by the programs that Proxmox uses. */
import { execFile } from 'node:child_process';
import { waitFor } from '../../wait-for.ts';
import { isRunningContainer } from './running.ts';

type Log = (line: string) => void;

/** As long as Proxmox gives a container that has been killed. */
const KILL_SECONDS = 60;

export async function start(lxcpath: string, vmid: number, log: Log): Promise<void> {
  try {
    // Not to be interrupted: what has begun to start would be left half.
    await command(['lxc-start', '-n', `${vmid}`, '-P', lxcpath], log);
  } catch {
    throw new Error(`startup for container '${vmid}' failed`);
  }
}

export async function stopNow(lxcpath: string, vmid: number, log: Log, signal: AbortSignal): Promise<void> {
  await command(['lxc-stop', '-n', `${vmid}`, '-P', lxcpath, '--kill'], log, signal);
  await monitorGone(lxcpath, vmid);
}

export interface ShutDownOptions {
  timeoutSeconds: number;
  /** Kills what is still there when the time is over. */
  force: boolean;
}

export async function shutDown(
  lxcpath: string,
  vmid: number,
  { timeoutSeconds, force }: ShutDownOptions,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const timeout = [...(force ? [] : ['--nokill']), '--timeout', `${timeoutSeconds}`];
  await command(['lxc-stop', '-n', `${vmid}`, '-P', lxcpath, ...timeout], log, signal);
  await monitorGone(lxcpath, vmid);
}

export async function restart(
  lxcpath: string,
  vmid: number,
  timeoutSeconds: number,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await shutDown(lxcpath, vmid, { timeoutSeconds, force: true }, log, signal);
  await start(lxcpath, vmid, log);
}

/** By checkpointing, which needs CRIU and fails without it, as on a node that has none. */
export function suspend(lxcpath: string, vmid: number, log: Log, signal: AbortSignal): Promise<void> {
  return command(['lxc-checkpoint', '-n', `${vmid}`, '-P', lxcpath, '-s', '-D', '/var/lib/vz/dump'], log, signal);
}

export function resume(lxcpath: string, vmid: number, log: Log, signal: AbortSignal): Promise<void> {
  const where = ['-n', `${vmid}`, '-P', lxcpath];
  return command(['lxc-checkpoint', ...where, '-r', '--foreground', '-D', '/var/lib/vz/dump'], log, signal);
}

/** It stays a moment longer than the container; until then the container counts as running. */
async function monitorGone(lxcpath: string, vmid: number): Promise<void> {
  await waitFor(() => !isRunningContainer(lxcpath, vmid), { what: `the monitor of ${vmid} to end` });
}

/** Fails as Proxmox words it, without the path that no node would need. */
function command(argv: readonly [string, ...string[]], log: Log, signal?: AbortSignal): Promise<void> {
  const [file, ...args] = argv;
  const options = { timeout: KILL_SECONDS * 2 * 1000, ...(signal === undefined ? {} : { signal }) };
  return new Promise((resolve, reject) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      for (const line of `${stdout}${stderr}`.split('\n').filter((each) => each !== '')) log(line);
      if (error === null) return resolve();
      const shown = argv.join(' ').replace(/ -P \S+/, '');
      return reject(new Error(`command '${shown}' failed: exit code ${error.code ?? 1}`));
    });
  });
}
