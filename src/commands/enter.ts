import { Command } from '@oclif/core';

import { EXEC_FLAGS } from '../cli/flags.ts';
import { sayError } from '../cli/messages.ts';
import { oclifFlags } from '../cli/oclif-flags.ts';
import { isOfDocker } from '../cli/inventory.ts';
import { requireRoot } from '../cli/privileges.ts';
import { runExec } from '../cli/run-exec.ts';
import { ownError } from '../cli/verb.ts';
import { containerArg, namedContainer } from '../cli/verb-flags.ts';

/** Flags of `exec` that make sense for a shell at a terminal. */
const FLAGS = ['env', 'env-file', 'workdir', 'user', 'privileged', 'method', 'node', 'verbose'];

/** `enter`: the login shell of a user in a container, as `exec -it CONTAINER` opens it. */
export default class Enter extends Command {
  static override summary = 'Open a login shell in a container.';

  static override description =
    "It is the login shell of root, or of --user, in a terminal of its own. The exit code is the shell's.";

  static override examples = ['<%= config.bin %> enter 101', '<%= config.bin %> enter -u www-data web'];

  static override args = { container: containerArg };

  static override flags = oclifFlags(EXEC_FLAGS, FLAGS);

  /** @returns the exit code. */
  override async run(): Promise<number> {
    try {
      const { args } = await this.parse();
      const container = namedContainer(args['container'] as string | undefined, 'enter [FLAGS] CONTAINER');
      if (!isOfDocker(container)) requireRoot(['enter', ...this.argv]);
    } catch (error) {
      const known = ownError(error, 'enter');
      sayError(known.toInfo());
      return known.exitCode;
    }
    return runExec(['--tty', ...this.argv], () => this.config.runCommand('help', ['enter']));
  }
}
