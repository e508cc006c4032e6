import { closeSync, readFileSync, readdirSync } from 'node:fs';

/** open(2): not inherited by programs that are started. */
const O_CLOEXEC = 0o2_000_000;

/** Node itself makes the lowest ones not inheritable when it starts, up to the first gap above this (libuv). */
const HIGHEST_HANDLED = 15;

/**
 * The descriptors that we inherited beyond the standard streams and that a program we start would inherit in turn: a lock
 * of a cron job, or a folder of this host, does not belong into a container.
 */
export function inheritableDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > HIGHEST_HANDLED && isInheritable(fd));
}

/** Closes them, in a process that is ours. */
export function closeInheritedDescriptors(): void {
  for (const fd of inheritableDescriptors()) closeSync(fd);
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // The one that listed the folder: closed by now.
    return false;
  }
}
