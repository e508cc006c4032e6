import { lstatSync, mkdirSync } from 'node:fs';

/** Below this name in a directory for sockets. A Unix socket's path has at most 107 bytes, so it is short. */
const NAME = 'proxmox-lxcri-ssh';

/**
 * Where the sockets of shared ssh connections are: a directory that only we can enter. Whoever can connect to such a
 * socket is on the other node without being asked anything.
 *
 * @returns `undefined` where there is no such place; then connections are not shared.
 */
export function controlDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const us = process.geteuid?.() ?? 0;
  const runtime = env['XDG_RUNTIME_DIR'];
  const parent = us === 0 ? '/run' : runtime;
  const places = [...(parent?.startsWith('/') ? [`${parent}/${NAME}`] : []), `/tmp/${NAME}-${us}`];
  return places.find((path) => isPrivate(path, us));
}

/** Whether a directory is ours alone: no link, and closed to all others. It is made where it is missing. */
export function isPrivate(path: string, us: number): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // It is there, or cannot be made: the next look tells.
  }
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === us && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
