import { Args, Flags } from '@oclif/core';

import { EXECUTION_COLUMNS, executionDocument } from '../cli/execution-table.ts';
import { requireRoot } from '../cli/privileges.ts';
import { printResult } from '../cli/print-result.ts';
import { parseSize } from '../cli/values/size.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome, OwnOutput } from '../cli/verb.ts';
import { loadSettings } from '../config/settings.ts';
import { LxcriError } from '../model/errors.ts';
import { ended, untilEnded } from '../oci/detached/result.ts';
import { ExecutionStore } from '../oci/detached/store.ts';
import { renderTable, tableOptions } from '../terminal/table.ts';

/** `result`: the outcome of a detached execution, or the list of all. */
export default class Result extends Verb {
  static override summary = 'Print what a detached command has written, and exit with its exit code; or list them all.';

  static override description =
    `Standard output and standard error are printed as the command wrote them, one after the other.
ID is an execution id as exec --detach prints it, or its beginning (4 characters or more). Without ID all are listed.
Results are kept for seven days, unless the configuration says otherwise (detached.keep).`;

  static override examples = [
    {
      description: 'Start now, look later',
      command: 'id=$(<%= config.bin %> exec -d 101 -- apt-get -y upgrade); <%= config.bin %> result "$id" --wait',
    },
    { description: 'The structured result', command: '<%= config.bin %> result 3f2a9c1e --json' },
    '<%= config.bin %> result',
  ];

  static override args = {
    id: Args.string({ name: 'ID', description: 'an execution id, or its beginning', ignoreStdin: true }),
  };

  static override flags = {
    wait: Flags.boolean({ summary: 'wait until it has ended; what stops the waiting does not stop the command' }),
    rm: Flags.boolean({ summary: 'remove it once it is printed' }),
    'max-output': Flags.string({ helpValue: 'SIZE', summary: 'limit for each stream with --json (default 8MiB)' }),
    'no-trunc': Flags.boolean({ summary: 'do not shorten columns to the width of the terminal' }),
  };

  protected override async perform(): Promise<Outcome | OwnOutput> {
    const { args, flags } = await this.parse(Result);
    const given = flags['max-output'] === undefined ? undefined : parseSize(flags['max-output'], '--max-output');
    const settings = await loadSettings(process.env);
    const store = ExecutionStore.below(settings.stateDirectory);
    // Who is not root, and has run commands on other hosts, has executions too; without any, root's are meant.
    if (!store.isThere) requireRoot(['result', ...this.argv]);
    if (args.id === undefined) {
      if (flags.wait || flags.rm) {
        const flag = flags.wait ? '--wait' : '--rm';
        throw new LxcriError(
          'UsageError',
          `${flag} needs an execution`,
          'usage: proxmox-lxcri result ID [--wait] [--rm]',
        );
      }
      return listed(store, flags['no-trunc']);
    }
    const named = store.get(args.id);
    const execution = flags.wait ? await untilEnded(store, named.id) : ended(named);
    return {
      async print(json) {
        const limit = given ?? settings['exec.maxOutput'];
        const { exitCode, complete } = await printResult(store, execution, json, limit);
        if (flags.rm && complete) store.remove(execution.id);
        return exitCode;
      },
    };
  }
}

function listed(store: ExecutionStore, noTruncation: boolean): Outcome {
  const executions = store.all();
  return {
    document: { executions: executions.map(executionDocument) },
    text: () => {
      const options = { ...tableOptions(process.stdout), ...(noTruncation ? { truncate: false } : {}) };
      return renderTable(EXECUTION_COLUMNS, executions, options);
    },
  };
}
