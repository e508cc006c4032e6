import { readRegularFile } from '../process/regular-file.ts';

/** Where liblxc keeps containers when nothing else is configured. */
export const DEFAULT_LXCPATH = '/var/lib/lxc';

const SYSTEM_CONFIG = '/etc/lxc/lxc.conf';

/** It has a line or two; what comes after this is not looked at. */
const MAX_BYTES = 65_536;

/** Overrides for where containers are looked for. */
export interface LxcpathOptions {
  /** Absolute paths. */
  readonly directories?: readonly string[] | undefined;
  /** LXC's system configuration file. */
  readonly systemConfig?: string;
}

/**
 * The directories that hold containers on this host, without duplicates: those that are named, else
 * `lxc.lxcpath` of LXC's own configuration; and the default.
 */
export function lxcpaths(options: LxcpathOptions = {}): string[] {
  const named = options.directories ?? [configuredLxcpath(options.systemConfig ?? SYSTEM_CONFIG)];
  const all = [...named, DEFAULT_LXCPATH].filter((path) => path !== undefined);
  return [...new Set(all.map((path) => path.replace(/\/+$/, '') || '/'))];
}

/** `lxc.lxcpath` as lxc.system.conf(5) defines it; `undefined` where the file or the key is absent. */
function configuredLxcpath(file: string): string | undefined {
  const text = readRegularFile(file, MAX_BYTES) ?? '';
  return /^[ \t]*lxc\.lxcpath[ \t]*=[ \t]*(\/\S*)[ \t]*$/m.exec(text)?.[1];
}
