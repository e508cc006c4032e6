import { readdirSync, readlinkSync } from 'node:fs';

/** The pipes that are standard streams of a process, each by a name of its own on this host (proc_pid_fd(5)). */
export function streamPipes(pid: number, streams: readonly number[] = [0, 1, 2]): string[] {
  return streams.map((fd) => target(`/proc/${pid}/fd/${fd}`)).filter(isPipe);
}

/** All pipes that a process holds. */
export function heldPipes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
      .map((fd) => target(`/proc/${pid}/fd/${fd}`))
      .filter(isPipe);
  } catch {
    return [];
  }
}

function isPipe(name: string): boolean {
  return name.startsWith('pipe:');
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
