import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Below this name in a directory for sockets. */
const NAME = 'proxmox-lxcri-ssh';

/**
 * What ssh takes as it is: it would expand `%` and `${}`, and take a path apart at blanks and quotes. A Unix socket's
 * path has at most 107 bytes, and ours needs 42 for its name and for what ssh appends while it makes one.
 */
const USABLE = /^\/[\w./+:-]{0,61}$/;

/** Bits of a mode (inode(7)). */
const OTHERS_MAY_WRITE = 0o022;
/** Only its owner may remove what is in the directory. */
const STICKY = 0o1000;

/**
 * Where the sockets of shared ssh connections are: a directory that only we can enter. Whoever can connect to such a
 * socket is on the other node without being asked anything.
 *
 * @param us our user id.
 * @returns `undefined` where there is no such place; then connections are not shared.
 */
export function controlDirectory(env: NodeJS.ProcessEnv, us = process.geteuid?.() ?? 0): string | undefined {
  const runtime = env['XDG_RUNTIME_DIR'];
  const parent = us === 0 ? '/run' : runtime;
  const places = [...(parent?.startsWith('/') ? [`${parent}/${NAME}`] : []), `/tmp/${NAME}-${us}`];
  return places.find((path) => USABLE.test(path) && isPrivate(path, us));
}

/**
 * Whether a directory is ours alone: no link, closed to all others, and in a place where nobody else can put another one
 * for it. It is made where it is missing.
 */
export function isPrivate(path: string, us: number): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // It is there, or cannot be made: the next look tells.
  }
  try {
    const found = lstatSync(path);
    const parent = statSync(dirname(path));
    const isKept = (parent.mode & OTHERS_MAY_WRITE) === 0 || (parent.mode & STICKY) !== 0;
    if (!isKept || (parent.uid !== us && parent.uid !== 0)) return false;
    return found.isDirectory() && found.uid === us && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
