import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Args } from '@oclif/core';

import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { LxcriError } from '../model/errors.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `completion`: the script that completes our commands in a shell. */
export default class Completion extends Verb {
  static override summary = 'Print the script that completes the commands in bash, zsh or fish.';

  static override description =
    'The Debian package installs the scripts: there is nothing to do. They call proxmox-lxcri by that name, which has to be on PATH.';

  static override examples = [
    { description: 'For ~/.bashrc', command: 'source <(<%= config.bin %> completion bash)' },
    { description: 'For ~/.zshrc, after compinit', command: 'source <(<%= config.bin %> completion zsh)' },
    {
      description: 'For fish, once',
      command: '<%= config.bin %> completion fish >~/.config/fish/completions/proxmox-lxcri.fish',
    },
  ];

  static override args = {
    shell: Args.string({ name: 'SHELL', description: 'which shell', options: [...SHELLS], ignoreStdin: true }),
  };

  protected override async perform(): Promise<Outcome> {
    const { args } = await this.parse(Completion);
    const { shell } = args;
    if (shell === undefined)
      throw new LxcriError('UsageError', 'no shell was named', `usage: proxmox-lxcri completion ${SHELLS.join('|')}`);
    // In dist/, which is where the script that was started is, or beside its folder.
    const file = join(dirname(process.argv[1] ?? ''), '../dist/completions', shell);
    const script = readFileSync(file, 'utf8');
    return { document: { shell, script }, text: () => script };
  }
}
