import { HOST_METHODS } from './kinds.ts';
import type { KINDS, KindName, Written } from './kinds.ts';
import { defaultCacheDirectory, defaultStateDirectory } from './paths.ts';

/** One key of the configuration. */
export interface KeySpec {
  readonly kind: KindName;
  /** The environment variable that sets it. */
  readonly variable: string;
  /** What it is when nobody sets it, as it would be written; `undefined`: the system is asked when it is needed. */
  readonly initial: Written | undefined | ((env: NodeJS.ProcessEnv) => string);
  readonly summary: string;
  /** It cannot be set in a file, for this reason. */
  readonly notInFile?: string;
}

/**
 * Every key of the configuration, in the order in which it is shown. A dot in a key is a level in the file.
 * The reading of files and variables, `config show`, the documentation and the JSON Schema all come from this table.
 */
export const KEYS = {
  methods: {
    kind: 'methods',
    variable: 'PROXMOX_LXCRI_METHODS',
    initial: HOST_METHODS,
    summary: 'the methods that may run a command, in the order in which they are tried',
  },
  lxcpath: {
    kind: 'directories',
    variable: 'PROXMOX_LXCRI_LXCPATH',
    initial: undefined,
    summary:
      "the directories that hold LXC containers, before the default one (/var/lib/lxc); where it is not set, LXC's own configuration says",
  },
  pveDirectory: {
    kind: 'directory',
    variable: 'PROXMOX_LXCRI_PVE_DIR',
    initial: '/etc/pve',
    summary: 'where Proxmox VE mounts the configuration of its cluster',
  },
  stateDirectory: {
    kind: 'directory',
    variable: 'PROXMOX_LXCRI_STATE_DIR',
    initial: defaultStateDirectory,
    summary: 'what must outlive a restart: the results of detached executions, the tickets of logins',
  },
  cacheDirectory: {
    kind: 'directory',
    variable: 'PROXMOX_LXCRI_CACHE_DIR',
    initial: defaultCacheDirectory,
    summary: 'what can be made again: the parsed configuration',
    notInFile: 'what the files say is itself kept there',
  },
  'exec.timeout': {
    kind: 'timeout',
    variable: 'PROXMOX_LXCRI_TIMEOUT',
    initial: 'none',
    summary: 'how long a command may run; none for no limit',
  },
  'exec.killAfter': {
    kind: 'duration',
    variable: 'PROXMOX_LXCRI_KILL_AFTER',
    initial: '10s',
    summary: 'from the first request to end until everything is killed',
  },
  'exec.maxOutput': {
    kind: 'size',
    variable: 'PROXMOX_LXCRI_MAX_OUTPUT',
    initial: '8MiB',
    summary: 'how much of each output stream a result holds',
  },
  'stop.timeout': {
    kind: 'duration',
    variable: 'PROXMOX_LXCRI_STOP_TIMEOUT',
    initial: '60s',
    summary: 'how long a container may take to shut down before it is killed',
  },
  'detached.maxOutput': {
    kind: 'size',
    variable: 'PROXMOX_LXCRI_DETACHED_MAX_OUTPUT',
    initial: '64MiB',
    summary: 'how much of each output stream of a detached execution is kept',
  },
  'detached.keep': {
    kind: 'age',
    variable: 'PROXMOX_LXCRI_DETACHED_KEEP',
    initial: '7d',
    summary: 'how long the results of detached executions are kept',
  },
} as const satisfies Record<string, KeySpec>;

export type Key = keyof typeof KEYS;

/** What the keys mean, from all that was configured: durations in milliseconds, sizes in bytes. */
export type Settings = {
  readonly [K in Key]:
    | ReturnType<(typeof KINDS)[(typeof KEYS)[K]['kind']]['read']>
    | ((typeof KEYS)[K]['initial'] extends undefined ? undefined : never);
};

export const KEY_NAMES = Object.keys(KEYS) as Key[];

/** The table's entry, with every column it may have. */
export function keySpec(key: Key): KeySpec {
  return KEYS[key];
}

/** Whether this is a key of ours. */
export function isKey(name: string): name is Key {
  return Object.hasOwn(KEYS, name);
}
