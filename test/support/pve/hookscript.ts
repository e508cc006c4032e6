/** A hookscript as an admin writes it, and Proxmox VE's way to call it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunResult, run } from '../run.ts';
import { scratchDirectory } from '../scratch.ts';

export interface Hookscript {
  /** Calls it as Proxmox does; the exit code is 0 where Proxmox goes on, 255 where it gives up. */
  call(vmid: number | string, phase: string): Promise<RunResult>;
}

export interface HookscriptOptions {
  /** The whole file. */
  text: string;
  /** The executable that `proxmox-lxcri` means in it. */
  cli: string;
  /** The node's files, see `createPveTree`. */
  pveDir: string;
  /** A folder with a `pct`, see `createPctDouble`. */
  pctBin?: string;
}

const CALLER = fileURLToPath(new URL('exec-hookscript.pl', import.meta.url));

/** The PATH that Proxmox's daemons and commands set for all they start. */
const PROXMOX_PATH = '/sbin:/bin:/usr/sbin:/usr/bin';

export function createHookscript({ text, cli, pveDir, pctBin }: HookscriptOptions): Hookscript {
  const file = join(scratchDirectory(), 'hookscript');
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  const folders = [...(pctBin === undefined ? [] : [pctBin]), dirname(cli), PROXMOX_PATH];
  const env = { PATH: folders.join(':'), PROXMOX_LXCRI_PVE_DIR: pveDir };
  return { call: (vmid, phase) => run(['perl', CALLER, file, String(vmid), phase], { cwd: '/', env }) };
}
