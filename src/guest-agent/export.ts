/** Writes the guest agent of this installation for who makes guests. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { LxcriError } from '../model/errors.ts';
import { initramfsFragment } from './fragment.ts';
import type { AgentArchitecture, AgentPart } from './parts.ts';
import { putFiles, refuseUnlessFree } from './put-files.ts';
import type { NewFile } from './put-files.ts';

export interface ExportRequest {
  /** Of the installed program. */
  readonly root: string;
  /** Absolute; where the files are put. */
  readonly directory: string;
  readonly architecture: AgentArchitecture;
  readonly parts: readonly AgentPart[];
  /** Replace files that are there. */
  readonly force: boolean;
}

export interface ExportedFile {
  readonly part: AgentPart;
  /** Absolute. */
  readonly path: string;
  /** Its permissions, as chmod takes them. */
  readonly mode: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What the build puts where, below the directory of the bundles. */
const AGENT_DIRECTORY = 'dist/guest-agent';

const FILES: Record<AgentPart, Omit<NewFile, 'content'>> = {
  binary: { name: 'proxmox-lxcri-agent', mode: 0o755 },
  initramfs: { name: 'proxmox-lxcri-agent.cpio.gz', mode: 0o644 },
  systemd: { name: 'proxmox-lxcri-agent.service', mode: 0o644 },
};

/**
 * Writes parts of the guest agent: all or none, unless they replace others.
 *
 * @throws LxcriError `OperationFailed` where the installation has none for these machines, or as `putFiles`.
 */
export function exportAgent({ root, directory, architecture, parts, force }: ExportRequest): ExportedFile[] {
  refuseUnlessFree(
    directory,
    parts.map((part) => FILES[part].name),
    force,
  );
  const from = join(root, AGENT_DIRECTORY);
  const read = (name: string): Buffer => partOf(root, join(from, name), architecture);
  const make: Record<AgentPart, () => Buffer> = {
    binary: () => gunzipSync(read(`${architecture}.gz`)),
    initramfs: () => gzipSync(initramfsFragment(make.binary(), read('init'))),
    systemd: () => read(FILES.systemd.name),
  };
  const files = parts.map((part) => ({ part, ...FILES[part], content: make[part]() }));
  putFiles(directory, files, force);
  return files.map(({ part, name, mode, content }) => ({
    part,
    path: join(directory, name),
    mode: mode.toString(8).padStart(4, '0'),
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  }));
}

function partOf(root: string, path: string, architecture: AgentArchitecture): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Only the packages bring it; to build it takes Go, which `npm run build` does without.
    const isCheckout = existsSync(join(root, 'guest-agent/go.mod'));
    throw new LxcriError(
      'OperationFailed',
      `this installation holds no guest agent for ${architecture}`,
      isCheckout ? 'build it (with Go): npm run build:agent' : 'install the package again, whole',
    );
  }
}
