import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

import { LxcriError } from '../model/errors.ts';
import { shellWord } from '../values/shell-word.ts';

const NAME = 'proxmox-lxcri';

/** What a user's own directory is, by the XDG base directory specification; root has the system's. */
const PLACES = {
  state: { root: `/var/lib/${NAME}`, variable: 'XDG_STATE_HOME', below: '.local/state' },
  cache: { root: `/var/cache/${NAME}`, variable: 'XDG_CACHE_HOME', below: '.cache' },
} as const;

/** Where the configuration of all users of a host is. */
export const SYSTEM_CONFIG_DIRECTORY = `/etc/${NAME}`;

/** Where a user's own configuration is; `undefined` where there is no home, as for a job of cron or a hook. */
export function userConfigDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const { XDG_CONFIG_HOME: xdg, HOME: home } = env;
  // The XDG specification has relative paths ignored.
  const base = xdg?.startsWith('/') ? xdg : home?.startsWith('/') ? `${home}/.config` : undefined;
  return base === undefined ? undefined : `${base}/${NAME}`;
}

/** Where what must outlive a restart is kept unless the configuration says otherwise. It is not made here. */
export function defaultStateDirectory(env: NodeJS.ProcessEnv): string {
  return ownDirectory(PLACES.state, env);
}

/** Where what can be made again is kept unless the configuration says otherwise. It is not made here. */
export function defaultCacheDirectory(env: NodeJS.ProcessEnv): string {
  return ownDirectory(PLACES.cache, env);
}

function ownDirectory(place: (typeof PLACES)[keyof typeof PLACES], env: NodeJS.ProcessEnv): string {
  if (process.geteuid?.() === 0) return place.root;
  const named = env[place.variable];
  // The specification has relative paths ignored.
  if (named?.startsWith('/')) return `${named}/${NAME}`;
  const home = env['HOME']?.startsWith('/') ? env['HOME'] : homeOfUser();
  // A user whom the system does not know: the one who uses it is told that this cannot be made.
  return home === undefined ? place.root : `${home}/${place.below}/${NAME}`;
}

/** From the user database: cron and system services set no HOME. */
function homeOfUser(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}

/**
 * Makes a directory that only we can enter, and those above it; or checks that one that is there belongs to us, is no
 * symlink, and can be written by nobody else.
 *
 * @param path absolute.
 * @throws LxcriError `ConfigError`, with what mends it.
 */
export function ensurePrivateDirectory(path: string): void {
  let failure: Error;
  try {
    makeDirectories(dirname(path), 0o700);
    mkdirSync(path, { mode: 0o700 });
    return;
  } catch (error) {
    failure = error as Error;
  }
  const found = lookAt(path);
  if (found === undefined) {
    throw new LxcriError(
      'ConfigError',
      `the directory ${JSON.stringify(path)} cannot be made (${failure.message})`,
      'make it, or name another one in the configuration',
    );
  }
  const wrong = whatIsWrong(found);
  if (wrong === undefined) return;
  throw new LxcriError('ConfigError', `${JSON.stringify(path)} ${wrong}`, howToMend(path, found));
}

function howToMend(path: string, found: Stats): string {
  if (found.isDirectory()) return `run: chown ${effectiveUser()} ${shellWord(path)} && chmod 700 ${shellWord(path)}`;
  if (!found.isSymbolicLink()) return 'name another directory in the configuration, or move this out of the way';
  try {
    return `name the directory that it leads to in the configuration: ${shellWord(realpathSync(path))}`;
  } catch {
    return 'it leads nowhere: remove it, or name another directory in the configuration';
  }
}

/**
 * Makes a directory and those above it, where they are missing. Node's own way never ends where the system answers that a
 * directory which is there is not, as it does below /proc and an automounter's folder.
 *
 * @throws Error of the system.
 */
export function makeDirectories(path: string, mode: number): void {
  if (existsSync(path)) return;
  makeDirectories(dirname(path), mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function whatIsWrong(found: Stats): string | undefined {
  if (found.isSymbolicLink()) return 'is a symlink';
  if (!found.isDirectory()) return 'is not a directory';
  if (found.uid !== effectiveUser()) return `belongs to the user with the id ${found.uid}`;
  return (found.mode & 0o022) === 0 ? undefined : 'can be written by others';
}

function effectiveUser(): number {
  return process.geteuid?.() ?? 0;
}
