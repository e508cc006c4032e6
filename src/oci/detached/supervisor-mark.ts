import { readFileSync } from 'node:fs';

import { readProcess } from '../../process/proc.ts';

/** What tells a process from every other one, before and after it: pids are used again, also after a restart. */
interface Mark {
  readonly pid: number;
  /** In clock ticks after boot. */
  readonly startTime: number;
  readonly boot: string;
}

/** This process, as text for {@link isAlive}. */
export function ownMark(): string {
  const mark: Mark = { pid: process.pid, startTime: readProcess(process.pid)?.startTime ?? 0, boot: bootId() };
  return `${JSON.stringify(mark)}\n`;
}

/** Whether the process of a mark still runs. A text that is no mark means that it does not. */
export function isAlive(text: string): boolean {
  let mark: Partial<Mark>;
  try {
    mark = JSON.parse(text) as Partial<Mark>;
  } catch {
    return false;
  }
  const found = readProcess(mark.pid ?? 0);
  return found?.startTime === mark.startTime && found?.state !== 'Z' && mark.boot === bootId();
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
