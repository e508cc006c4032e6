/**
 * Where contexts are kept. Nothing here reads one: whether there are any at all costs a stat(2) or two.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

import { SYSTEM_CONFIG_DIRECTORY, userConfigDirectory } from '../config/paths.ts';
import { LxcriError } from '../model/errors.ts';

/** Names one file instead of the usual ones; `/dev/null` for none. */
const FILE_VARIABLE = 'PROXMOX_LXCRI_CONTEXTS';

const FILE_NAME = 'contexts.yaml';

/**
 * The files that may hold contexts; later ones override earlier ones.
 *
 * @throws LxcriError `ConfigError`
 */
export function contextFiles(env: NodeJS.ProcessEnv): string[] {
  const named = env[FILE_VARIABLE] ?? '';
  if (named === '/dev/null') return [];
  if (named !== '') return [checked(named)];
  const user = userConfigDirectory(env);
  return [SYSTEM_CONFIG_DIRECTORY, ...(user === undefined ? [] : [user])].map((folder) => `${folder}/${FILE_NAME}`);
}

/**
 * The file that `login` writes to: the caller's own.
 *
 * @throws LxcriError `ConfigError`
 */
export function ownContextFile(env: NodeJS.ProcessEnv): string {
  const file = contextFiles(env).at(-1);
  if (file !== undefined && (env[FILE_VARIABLE] || userConfigDirectory(env) !== undefined)) return file;
  throw new LxcriError(
    'ConfigError',
    'there is no place for a context: HOME is not set',
    `set HOME, or name a file with ${FILE_VARIABLE}`,
  );
}

/** Where the secrets of tokens are kept that `login` was given for a file: beside it. */
export function tokenFile(contextFile: string, context: string): string {
  return `${dirname(contextFile)}/tokens/${context}`;
}

/** Where the ticket of a context is kept. */
export function ticketFile(stateDirectory: string, context: string): string {
  return `${stateDirectory}/tickets/${context}.json`;
}

/** Where it is kept what the servers of a context cannot do. */
export function endpointFile(stateDirectory: string, context: string): string {
  return `${stateDirectory}/endpoints/${context}.json`;
}

/** Where the guests are kept that the servers of a context have told of. */
export function guestsFile(stateDirectory: string, context: string): string {
  return `${stateDirectory}/guests/${context}.json`;
}

/**
 * Whether there may be contexts.
 *
 * @throws LxcriError `ConfigError`
 */
export function hasContexts(env: NodeJS.ProcessEnv): boolean {
  return contextFiles(env).some(isThere);
}

/** A file that cannot be looked at is there: whoever reads it says what is wrong. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOTDIR';
  }
}

function checked(named: string): string {
  if (named.startsWith('/')) return named;
  throw new LxcriError(
    'ConfigError',
    `${FILE_VARIABLE}: ${JSON.stringify(named)} is not an absolute path`,
    'begin it with "/"',
  );
}
