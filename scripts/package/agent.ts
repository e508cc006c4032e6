/** Puts all that `agent export` needs into dist/guest-agent: `npm run build:agent`. `npm run build` removes it again. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

import { AGENT_ARCHITECTURES } from '../../src/guest-agent/parts.ts';
import { AGENT_SOURCES, guestAgent } from '../guest-agent.ts';
import { goLicences } from './go-licences.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The files of the sources that are exported, by their names there. */
const SOURCES = { init: 'init/lxcri-agent-init', 'proxmox-lxcri-agent.service': 'systemd/proxmox-lxcri-agent.service' };

/**
 * Writes them. The programs are compressed: they are none of this host, and every package has both.
 *
 * @throws Error where Go is missing, or what it said.
 */
export function putAgents(): void {
  const files = new Map<string, Buffer | string>([['third-party.txt', goLicences()]]);
  for (const architecture of AGENT_ARCHITECTURES)
    files.set(`${architecture}.gz`, gzipSync(readFileSync(guestAgent(architecture)), { level: 9 }));
  for (const [name, source] of Object.entries(SOURCES)) files.set(name, readFileSync(join(AGENT_SOURCES, source)));
  const to = join(ROOT, 'dist/guest-agent');
  mkdirSync(to, { recursive: true });
  // On the same file system, so that each file is there at once; and not in dist/, which another run may be packing.
  const scratch = mkdtempSync(join(ROOT, 'out/.guest-agent-'));
  try {
    for (const [name, content] of files) {
      writeFileSync(join(scratch, name), content);
      renameSync(join(scratch, name), join(to, name));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

if (import.meta.main) putAgents();
