import { LxcriError } from '../model/errors.ts';
import { InvalidValue } from '../values/invalid-value.ts';
import { readConfigFile } from './file.ts';
import type { Entries } from './entries.ts';
import { KEY_NAMES, keySpec } from './keys.ts';
import type { Key, Settings } from './keys.ts';
import { KINDS } from './kinds.ts';
import type { Kind, Written } from './kinds.ts';
import { SYSTEM_CONFIG_DIRECTORY, userConfigDirectory } from './paths.ts';

/** Where a value was set. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'variable'; readonly variable: string };

/** A value as it was written, and where. */
export interface Setting {
  readonly written: Written | undefined;
  readonly origin: Origin;
}

/** All that was configured. */
export interface Configuration {
  readonly settings: Settings;
  readonly given: ReadonlyMap<Key, Setting>;
}

const SYSTEM_FILE = `${SYSTEM_CONFIG_DIRECTORY}/config.yaml`;

/** Names one file instead of the usual ones. */
const FILE_VARIABLE = 'PROXMOX_LXCRI_CONFIG';

/** Named instead of a file: none is read. */
const NO_FILE = '/dev/null';

/**
 * The settings that hold here: the defaults, the system's file, the user's file, and the variables PROXMOX_LXCRI_*, each
 * of which overrides the ones before it, key by key. Flags are for the caller to add.
 *
 * @throws LxcriError `ConfigError`, which names the place of the mistake and what is allowed there.
 */
export async function loadSettings(env: NodeJS.ProcessEnv): Promise<Settings> {
  return (await loadConfiguration(env)).settings;
}

/**
 * The settings as {@link loadSettings} gives them, and where each comes from.
 *
 * @throws LxcriError `ConfigError`
 */
export async function loadConfiguration(env: NodeJS.ProcessEnv): Promise<Configuration> {
  const layers = await readFiles(env);
  const given = new Map(
    KEY_NAMES.map((key) => [key, fromVariable(key, env) ?? fromFiles(key, layers) ?? byDefault(key, env)]),
  );
  const settings: Partial<Record<Key, unknown>> = {};
  for (const [key, setting] of given) settings[key] = valueOf(key, setting);
  return { settings: settings as Settings, given };
}

/** What a file sets, and its path. */
interface Layer {
  readonly file: string;
  readonly entries: Entries;
}

/**
 * The files that are read where they are there, the last one counting most: the system's and the user's, or only the one
 * that is named by PROXMOX_LXCRI_CONFIG.
 *
 * @throws LxcriError `ConfigError`
 */
export function configFiles(env: NodeJS.ProcessEnv): string[] {
  const named = namedFile(env);
  if (named === NO_FILE) return [];
  return [named ?? SYSTEM_FILE, named === undefined ? userFile(env) : undefined].filter((file) => file !== undefined);
}

function namedFile(env: NodeJS.ProcessEnv): string | undefined {
  const named = env[FILE_VARIABLE] ?? '';
  if (named === '' || named.startsWith('/')) return named || undefined;
  throw wrongVariable(FILE_VARIABLE, `${JSON.stringify(named)} is not an absolute path`, 'begin it with "/"');
}

async function readFiles(env: NodeJS.ProcessEnv): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const file of configFiles(env)) {
    // oxlint-disable-next-line no-await-in-loop -- the mistakes of the first are told first
    const entries = await readConfigFile(file, cacheDirectory(env));
    if (entries !== undefined) layers.push({ file, entries });
    else if (namedFile(env) !== undefined)
      throw wrongVariable(
        FILE_VARIABLE,
        `there is no file ${JSON.stringify(file)} that can be reached`,
        'make it, or unset the variable',
      );
  }
  return layers;
}

function userFile(env: NodeJS.ProcessEnv): string | undefined {
  const directory = userConfigDirectory(env);
  return directory === undefined ? undefined : `${directory}/config.yaml`;
}

function cacheDirectory(env: NodeJS.ProcessEnv): string {
  return valueOf('cacheDirectory', fromVariable('cacheDirectory', env) ?? byDefault('cacheDirectory', env)) as string;
}

/** An empty variable is one that is not set. */
function fromVariable(key: Key, env: NodeJS.ProcessEnv): Setting | undefined {
  const { variable, kind } = keySpec(key);
  const text = env[variable] ?? '';
  if (text === '') return undefined;
  const { separator } = KINDS[kind] as Kind<unknown>;
  const written = separator === undefined ? text : text.split(separator).filter((part) => part !== '');
  return { written, origin: { kind: 'variable', variable } };
}

function fromFiles(key: Key, layers: readonly Layer[]): Setting | undefined {
  const layer = layers.findLast(({ entries }) => entries.has(key));
  const entry = layer?.entries.get(key);
  if (layer === undefined || entry === undefined) return undefined;
  return { written: entry.written, origin: { kind: 'file', file: layer.file, line: entry.line } };
}

function byDefault(key: Key, env: NodeJS.ProcessEnv): Setting {
  const { initial } = keySpec(key);
  return { written: typeof initial === 'function' ? initial(env) : initial, origin: { kind: 'default' } };
}

/** What a setting means. Only a variable can be wrong here: files were checked when they were read. */
function valueOf(key: Key, { written, origin }: Setting): unknown {
  if (written === undefined) return undefined;
  try {
    return KINDS[keySpec(key).kind].read(written);
  } catch (error) {
    if (!(error instanceof InvalidValue) || origin.kind !== 'variable') throw error;
    throw wrongVariable(origin.variable, error.message, error.hint);
  }
}

function wrongVariable(variable: string, message: string, hint: string): LxcriError {
  return new LxcriError('ConfigError', `${variable}: ${message}`, hint);
}
