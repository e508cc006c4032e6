import { Command } from '@oclif/core';

import { EXEC_FLAGS } from '../cli/flags.ts';
import { sayError } from '../cli/messages.ts';
import { oclifFlags } from '../cli/oclif-flags.ts';
import { runExec } from '../cli/run-exec.ts';
import { ownError } from '../cli/verb.ts';
import { containerArg, namedContainer } from '../cli/verb-flags.ts';

/** Flags of `exec` that make sense for a shell at a terminal. */
const FLAGS = ['env', 'env-file', 'workdir', 'user', 'privileged', 'method', 'context', 'node', 'verbose'];

/** `enter`: the login shell of a user in a container, as `exec -it CONTAINER` opens it. */
export default class Enter extends Command {
  static override summary = 'Open a login shell in a container.';

  static override description =
    "It is the login shell of root, or of --user, in a terminal of its own. The exit code is the shell's. Where nothing else leads to a container of a context, it is the container's console.";

  static override examples = [
    '<%= config.bin %> enter 101',
    '<%= config.bin %> enter -u www-data web',
    {
      description: "Look at the container's own console, over the API",
      command: '<%= config.bin %> enter --method console 101',
    },
  ];

  static override args = { container: containerArg };

  static override flags = oclifFlags(EXEC_FLAGS, FLAGS);

  /** @returns the exit code. */
  override async run(): Promise<number> {
    try {
      const { args } = await this.parse();
      namedContainer(args['container'] as string | undefined, 'enter [FLAGS] CONTAINER');
    } catch (error) {
      const known = ownError(error, 'enter');
      sayError(known.toInfo());
      return known.exitCode;
    }
    const words = ['enter', ...this.argv];
    return runExec(['--tty', ...this.argv], () => this.config.runCommand('help', ['enter']), words);
  }
}
