import { LxcriError } from '../model/errors.ts';

/** Whether this program may see and do everything. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Refuses callers that are not root: LXC's sockets, cgroups and /proc belong to root.
 *
 * @param hint says how to do it as root.
 * @throws LxcriError `PermissionDenied`
 */
export function refuseUnlessRoot(hint: () => string = () => 'run this program as root'): void {
  if (!isRoot()) throw rootNeeded(hint());
}

/** The error of a caller who is not root. */
export function rootNeeded(hint: string): LxcriError {
  return new LxcriError('PermissionDenied', 'commands in containers are run as root', hint);
}
