/** The terminals that consoles leave behind, as dtach is meant to. */
import { readdirSync } from 'node:fs';
import { processInfo } from '../../proc.ts';

/** Ends every process that keeps a terminal at a socket in this directory; what runs in it loses it. */
export function endTerminalsIn(directory: string): void {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.map(Number)) {
    const args = processInfo(pid)?.args ?? '';
    if (args.startsWith(`dtach -A ${directory}/`)) process.kill(pid, 'SIGTERM');
  }
}
