import { lookAt, readChecked } from '../config/file.ts';
import { LxcriError } from '../model/errors.ts';
import type { Context, ContextFile } from './context.ts';
import { contextFiles } from './files.ts';

/** Overrides which one is the current one. */
const NAME_VARIABLE = 'PROXMOX_LXCRI_CONTEXT';

/** All contexts that hold here, by name. */
export interface Contexts {
  readonly all: ReadonlyMap<string, Context>;
  /** What the files say is the current one. */
  readonly current: string | undefined;
}

/**
 * Reads the contexts of the system and of the user, whose own win by name.
 *
 * @throws LxcriError `ConfigError`, which names the place of the mistake and what is allowed there.
 */
export async function loadContexts(env: NodeJS.ProcessEnv): Promise<Contexts> {
  const all = new Map<string, Context>();
  let current: string | undefined;
  for (const file of contextFiles(env)) {
    // oxlint-disable-next-line no-await-in-loop -- the mistakes of the first are told first
    const found = await readContextFile(file);
    for (const [name, context] of found?.contexts ?? []) all.set(name, context);
    current = found?.current ?? current;
  }
  return { all, current };
}

/**
 * What one file says; `undefined` when there is none.
 *
 * @throws LxcriError `ConfigError`
 */
export async function readContextFile(file: string): Promise<ContextFile | undefined> {
  if (lookAt(file) === undefined) return undefined;
  const { bytes } = readChecked(file);
  const { parseContexts } = await import('./yaml.ts');
  return parseContexts(file, bytes);
}

/**
 * The context that is asked when none is named: the one of the variable, the current one of the files, or the only one.
 *
 * @returns `undefined` when there are none, or several and none is the current one.
 * @throws LxcriError `ConfigError` when the one that is meant does not exist.
 */
export function currentContext({ all, current }: Contexts, env: NodeJS.ProcessEnv): Context | undefined {
  const named = env[NAME_VARIABLE] ?? '';
  if (named !== '') return all.get(named) ?? unknown(`${NAME_VARIABLE}: `, named, all);
  if (current !== undefined) return all.get(current) ?? unknown('current: ', current, all);
  return all.size === 1 ? [...all.values()][0] : undefined;
}

/**
 * A context by its name; without one, the current one.
 *
 * @throws LxcriError `ConfigError` when there is none of that name, or no name and none is current.
 */
export function pickContext(contexts: Contexts, env: NodeJS.ProcessEnv, named?: string): Context {
  const { all } = contexts;
  if (named !== undefined) return all.get(named) ?? unknown('', named, all);
  const found = currentContext(contexts, env);
  if (found !== undefined) return found;
  if (all.size === 0) {
    const hint = 'make one: proxmox-lxcri login --host pve1.example:8006';
    throw new LxcriError('ConfigError', 'there are no contexts', hint);
  }
  throw new LxcriError(
    'ConfigError',
    `there are several contexts (${[...all.keys()].join(', ')}) and none is the current one`,
    'choose one: proxmox-lxcri context use NAME',
  );
}

function unknown(where: string, name: string, all: ReadonlyMap<string, Context>): never {
  const names = [...all.keys()];
  throw new LxcriError(
    'ConfigError',
    `${where}there is no context ${JSON.stringify(name)}`,
    names.length === 0 ? 'make one: proxmox-lxcri login' : `there are: ${names.join(', ')}`,
  );
}
