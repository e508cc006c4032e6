import { lstatSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

import { LxcriError } from '../model/errors.ts';

const ROOT_STATE = '/var/lib/proxmox-lxcri';

/** Where what must outlive a restart is kept; works with no HOME. It is not made here. */
export function stateDirectory(env: NodeJS.ProcessEnv): string {
  const named = env['PROXMOX_LXCRI_STATE_DIR'];
  if (named !== undefined && named !== '') {
    if (named.startsWith('/')) return named;
    throw new LxcriError('ConfigError', 'PROXMOX_LXCRI_STATE_DIR is not an absolute path', 'begin it with "/"');
  }
  if (process.geteuid?.() === 0) return ROOT_STATE;
  const xdg = env['XDG_STATE_HOME'];
  const base = xdg?.startsWith('/') ? xdg : `${env['HOME'] ?? userInfo().homedir}/.local/state`;
  return `${base}/proxmox-lxcri`;
}

/**
 * Makes a directory that only we can enter, or checks that it is one.
 *
 * @throws LxcriError `ConfigError` when others own it or may write to it, or it is a symlink.
 */
export function ensurePrivateDirectory(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  try {
    mkdirSync(path, { mode: 0o700 });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = lstatSync(path);
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0) return;
  throw new LxcriError(
    'ConfigError',
    `${JSON.stringify(path)} is not a directory of ours that only we may write to`,
    'remove it, or name another with PROXMOX_LXCRI_STATE_DIR',
  );
}
