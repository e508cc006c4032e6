/** Shells at a real terminal, as their users have them, in which the completion of a folder is installed. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';
import { Recipes } from './recipes.ts';
import { scratchDirectory } from './scratch.ts';
import { openTerminal } from './tmux.ts';
import type { Terminal } from './tmux.ts';

/** `alone`: as docs/completion.md has it done by hand, the others as the Debian package installs them. */
export const SHELLS = ['bash', 'bash alone', 'zsh', 'zsh alone', 'fish', 'fish alone'] as const;
export type CompletingShell = (typeof SHELLS)[number];

const SCRIPTS = resolve(import.meta.dirname, '../../dist/completions');
const PROGRAMS = resolve(import.meta.dirname, '../../bin');

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';

/** What is missing on this machine for them. */
export function missingForShells(): string[] {
  const programs = ['bash', 'zsh', 'fish', 'tmux'].filter((name) => findExecutable(name) === undefined);
  return existsSync(BASH_COMPLETION) ? programs : [...programs, 'bash-completion'];
}

/** Opens a shell; its prompt is `at> `. */
export async function openShell(shell: CompletingShell, env: Readonly<Record<string, string>>): Promise<Terminal> {
  const folder = scratchDirectory();
  const [name = '', alone] = shell.split(' ');
  const recipe = new Recipes('docs/completion.md').take('Without the package', name);
  const write = (path: string, ...lines: string[]): void => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${lines.join('\n')}\n`);
  };
  const installed = readFileSync(join(SCRIPTS, name), 'utf8');
  if (name === 'bash') {
    if (alone === undefined) write('share/completions/proxmox-lxcri', installed);
    write('rc', "PS1='at> '", "bind 'set bell-style none'", alone === undefined ? `source ${BASH_COMPLETION}` : recipe);
  } else if (name === 'zsh') {
    if (alone === undefined) write('functions/_proxmox-lxcri', installed);
    const start = ['fpath=(~/functions $fpath)', 'autoload -U compinit', 'compinit -u'];
    write('.zshrc', "PS1='at> '", 'unsetopt beep', ...start, alone === undefined ? '' : recipe);
  } else {
    if (alone === undefined) write('.config/fish/completions/proxmox-lxcri.fish', installed);
    const start = ['function fish_prompt; echo -n "at> "; end', 'set -g fish_greeting'];
    write('.config/fish/config.fish', ...start, alone === undefined ? '' : recipe);
  }
  const all = {
    HOME: folder,
    PATH: `${PROGRAMS}:${process.env['PATH']}`,
    TERM: 'xterm',
    LANG: 'C.UTF-8',
    BASH_COMPLETION_USER_DIR: join(folder, 'share'),
    ...env,
  };
  const assigned = Object.entries(all).map(([variable, value]) => `${variable}='${value}'`);
  const rc = name === 'bash' ? ` --rcfile ${folder}/rc` : '';
  write('start', `cd ${folder}`, `exec env -i ${assigned.join(' ')} ${name}${rc} -i`);
  const terminal = await openTerminal({ columns: 140, rows: 50 });
  await terminal.type(`. ${folder}/start`);
  await terminal.waitForScreen(/^at> /m);
  return terminal;
}
