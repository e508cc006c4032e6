import { changeFile } from '../config/write.ts';
import type { Context } from './context.ts';
import { readContextFile } from './contexts.ts';
import { contextFiles, guestsFile, ownContextFile, ticketFile, tokenFile } from './files.ts';
import { removePrivateFile } from './private-file.ts';
import type { ContextsChange } from './yaml.ts';

/** It names users and servers, which need not be known to everybody. */
const FILE_MODE = 0o600;

/**
 * Changes a file of contexts, which is made where there is none.
 *
 * @throws LxcriError `ConfigError` when it is wrong as it is, or cannot be written.
 */
export async function changeContexts(file: string, change: ContextsChange): Promise<void> {
  const { withChange } = await import('./yaml.ts');
  changeFile(file, FILE_MODE, (bytes) => withChange(file, bytes, change));
}

/**
 * Makes a context the current one, for this user.
 *
 * @throws LxcriError `ConfigError`
 */
export async function useContext({ name }: Context, env: NodeJS.ProcessEnv): Promise<void> {
  await changeContexts(ownContextFile(env), { current: name });
}

/** What of a login was there, and is not any more. */
export type Forgotten = 'ticket' | 'token';

/**
 * Forgets the ticket of a context, and the secret of its token where `login` stored it; one that the user keeps stays.
 */
export function forgetSecrets({ name, file }: Context, stateDirectory: string): Forgotten[] {
  const hadTicket = removePrivateFile(ticketFile(stateDirectory, name));
  const hadToken = removePrivateFile(tokenFile(file, name));
  // What was seen with them.
  removePrivateFile(guestsFile(stateDirectory, name));
  return [...(hadTicket ? (['ticket'] as const) : []), ...(hadToken ? (['token'] as const) : [])];
}

/**
 * Removes a context from the file that it stands in, with its secrets.
 *
 * @throws LxcriError `ConfigError`
 */
export async function removeContext(
  context: Context,
  env: NodeJS.ProcessEnv,
  stateDirectory: string,
): Promise<Forgotten[]> {
  const { name, file } = context;
  await changeContexts(file, { remove: name });
  for (const each of contextFiles(env)) {
    // oxlint-disable-next-line no-await-in-loop -- one file after the other
    if ((await readContextFile(each))?.current === name) await changeContexts(each, { current: null });
  }
  return forgetSecrets(context, stateDirectory);
}
