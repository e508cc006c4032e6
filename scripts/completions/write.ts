/** Makes the completion scripts: tables of the commands, and the part of each shell that reads them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { commandsOf } from './commands.ts';
import type { Command, Manifest } from './commands.ts';
import { fishTables } from './fish-tables.ts';
import { shellTables } from './shell-tables.ts';

/** The scripts by the name of their shell. */
export function completionScripts(manifest: Manifest): Record<'bash' | 'zsh' | 'fish', string> {
  const commands: readonly Command[] = commandsOf(manifest);
  const part = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8');
  const head = (shell: string): string => `# Completion of proxmox-lxcri for ${shell}. Made by its build.\n`;
  const tables = shellTables(commands);
  return {
    bash: [head('bash'), tables, part('core.sh'), part('front.bash')].join('\n'),
    // Its first line is what tells zsh what it is for.
    zsh: ['#compdef proxmox-lxcri', head('zsh'), tables, part('core.sh'), part('front.zsh')].join('\n'),
    fish: [head('fish'), fishTables(commands), part('core.fish')].join('\n'),
  };
}

/** Writes them into a folder, one file for each shell, named as the shell is. */
export function writeCompletions(manifestFile: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as Manifest;
  for (const [shell, script] of Object.entries(completionScripts(manifest))) writeFileSync(join(folder, shell), script);
}
