/** What is read and not run: documentation, manual pages, completions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { copy, put } from './files.ts';
import { manuals } from './manuals.ts';
import type { Manifest } from './manuals.ts';
import { installedReadme } from './readme.ts';

/** Where the build puts the completions, below dist/, and where each shell of Debian looks for them, below /usr/share. */
const COMPLETIONS = [
  ['bash', 'bash-completion/completions/proxmox-lxcri'],
  ['zsh', 'zsh/vendor-completions/_proxmox-lxcri'],
  ['fish', 'fish/vendor_completions.d/proxmox-lxcri.fish'],
] as const;

/** Writes README.md, docs/, schemas/, and examples/ with the example configuration. */
export function putDocumentation(root: string, to: string): void {
  put(join(to, 'README.md'), installedReadme(readFileSync(join(root, 'README.md'), 'utf8')));
  for (const name of ['docs', 'schemas', 'examples']) copy(join(root, name), join(to, name));
  copy(join(root, 'docs/config.example.yaml'), join(to, 'examples/config.yaml'));
}

/** The manual pages by their file names. */
export function manualPages(root: string, time: number): Map<string, string> {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as Manifest;
  const { name, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    'name' | 'description',
    string
  >;
  return manuals(manifest, { name, description, date: new Date(time * 1000).toISOString().slice(0, 10) });
}

/** Writes the completions below a directory that is like /usr/share. */
export function putCompletions(root: string, share: string): void {
  for (const [shell, place] of COMPLETIONS) copy(join(root, 'dist/completions', shell), join(share, place));
}
