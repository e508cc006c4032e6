/** Shells at a real terminal, as their users have them, in which the completion of a folder is installed. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { findExecutable } from '../../src/process/executable.ts';
import { scratchDirectory } from './scratch.ts';
import { openTerminal } from './tmux.ts';
import type { Terminal } from './tmux.ts';

export const SHELLS = ['bash', 'bash alone', 'zsh', 'fish'] as const;
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
  const install = (name: string, path: string): void => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(SCRIPTS, name), target);
  };
  const rc = join(folder, 'rc');
  const words: string[] = [];
  if (shell === 'bash' || shell === 'bash alone') {
    // As the package installs it, or as ~/.bashrc reads it where there is no bash-completion.
    if (shell === 'bash') install('bash', 'share/completions/proxmox-lxcri');
    const how = shell === 'bash' ? `source ${BASH_COMPLETION}` : 'source <(proxmox-lxcri completion bash)';
    writeFileSync(rc, `PS1='at> '\nbind 'set bell-style none'\n${how}\n`);
    words.push('bash', '--rcfile', rc, '-i');
  } else if (shell === 'zsh') {
    install('zsh', 'functions/_proxmox-lxcri');
    const lines = [`PS1='at> '`, 'unsetopt beep', 'fpath=(~/functions $fpath)', 'autoload -U compinit', 'compinit -u'];
    writeFileSync(join(folder, '.zshrc'), `${lines.join('\n')}\n`);
    words.push('zsh', '-i');
  } else {
    install('fish', '.config/fish/completions/proxmox-lxcri.fish');
    const lines = [
      'function fish_prompt; echo -n "at> "; end',
      'set -g fish_greeting',
      'set -g fish_autosuggestion_enabled 0',
    ];
    writeFileSync(join(folder, '.config/fish/config.fish'), `${lines.join('\n')}\n`);
    words.push('fish', '-i');
  }
  const path = `${PROGRAMS}:${process.env['PATH']}`;
  const all = {
    HOME: folder,
    PATH: path,
    TERM: 'xterm',
    LANG: 'C.UTF-8',
    BASH_COMPLETION_USER_DIR: join(folder, 'share'),
    ...env,
  };
  const start = join(folder, 'start');
  const assigned = Object.entries(all).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(start, `cd ${folder}\nexec env -i ${assigned.join(' ')} ${words.join(' ')}\n`);
  const terminal = await openTerminal({ columns: 140, rows: 50 });
  await terminal.type(`. ${start}`);
  await terminal.waitForScreen(/^at> /m);
  return terminal;
}
