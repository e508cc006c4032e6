/** A stand-in for Proxmox VE's `pct` that runs on any Debian host, against real containers. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LXCPATH } from '../places.ts';
import { scratchDirectory } from '../scratch.ts';

export interface PctDoubleOptions {
  /** The node's files, see `createPveTree`. */
  pveDir: string;
  /** Where the containers live whose names are VMIDs; default /var/lib/lxc. */
  lxcpath?: string;
  /** After how many seconds the double of the HA manager does what was requested of it; default 1. */
  haDelay?: number;
}

export interface PctDouble {
  /** A directory with nothing but the executable `pct`, to be put into a PATH. */
  bin: string;
  path: string;
}

/** With a longer path LXC names the monitor's socket by a hash, and neither pct nor we can find it. */
const MAX_LXCPATH = 107 - '@/123456789/command'.length;

export function createPctDouble({ pveDir, lxcpath = DEFAULT_LXCPATH, haDelay = 1 }: PctDoubleOptions): PctDouble {
  if (lxcpath.length > MAX_LXCPATH) {
    throw new Error(`an lxcpath of more than ${MAX_LXCPATH} characters hides its containers from pct: ${lxcpath}`);
  }
  const values: Record<string, string> = {
    PVE_DIR: pveDir,
    LXCPATH: lxcpath,
    DEFAULT_LXCPATH,
    HA_DELAY: String(haDelay),
  };
  const template = readFileSync(new URL('pct.pl', import.meta.url), 'utf8');
  // Only the quoted ones: the comments name them too.
  const script = template.replace(/'@([A-Z_]+)@'/g, (_, name: string) => perlString(values[name] ?? ''));
  const bin = scratchDirectory();
  const path = join(bin, 'pct');
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return { bin, path };
}

function perlString(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
