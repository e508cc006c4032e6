import { Args } from '@oclif/core';

import { changeDocument, changeText } from '../cli/change.ts';
import { inventoryOf } from '../cli/inventory.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { containerArg, contextFlag, namedContainer, nodeFlag } from '../cli/verb-flags.ts';
import { parseSignal } from '../cli/values/signal.ts';
import { loadSettings } from '../config/settings.ts';
import { LxcriError } from '../model/errors.ts';
import { SIGNALS } from '../oci/detached/control.ts';
import type { DetachedSignal } from '../oci/detached/control.ts';
import { killExecution, namedExecution } from '../oci/detached/kill.ts';
import { ExecutionStore } from '../oci/detached/store.ts';
import { killContainer } from '../oci/lifecycle/kill.ts';

/** `kill`: sends a signal to a container's init process, or to the command of a detached execution. */
export default class Kill extends Verb {
  static override summary = "Send a signal to a container's init process, or to a detached command.";

  static override description = `To a container it is KILL by default, which ends everything in it.
To a detached execution (exec --detach), named by its id or the beginning of it, it is TERM by default and passed on to the command as in the foreground: TERM, INT, HUP and QUIT start the --kill-after clock, KILL ends the whole tree at once. A word that names a container always means the container; so does one of digits alone.`;

  static override examples = [
    { description: 'End it at once', command: '<%= config.bin %> kill web' },
    { description: 'Ask a detached command to end', command: '<%= config.bin %> kill 3f2a9c1e' },
    { description: 'Have its init read its configuration again', command: '<%= config.bin %> kill web HUP' },
  ];

  static override args = {
    container: containerArg,
    signal: Args.string({ description: 'a name or number', ignoreStdin: true }),
  };

  static override flags = { node: nodeFlag, context: contextFlag };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Kill);
    const target = namedContainer(args.container, 'kill CONTAINER [SIGNAL]');
    const named = args.signal === undefined ? undefined : parseSignal(args.signal);
    const settings = await loadSettings(process.env);
    const inventory = inventoryOf(settings, { words: ['kill', ...this.argv], context: flags.context });
    const store = ExecutionStore.below(settings.stateDirectory);
    const execution = namedExecution(store, target, inventory);
    if (execution !== undefined) return killedExecution(store, execution, named ?? 'SIGTERM');
    const signal = named ?? 'SIGKILL';
    const change = await killContainer(inventory, target, signal, flags.node);
    return {
      document: { ...changeDocument(change), signal },
      text: () => changeText(change, signal === 'SIGKILL' ? 'killed' : `got ${signal}`, ''),
    };
  }
}

async function killedExecution(store: ExecutionStore, id: string, signal: NodeJS.Signals): Promise<Outcome> {
  const { status, result } = await killExecution(store, id, detachedSignal(signal));
  return {
    document: { execution: { id, status, exitCode: result?.exitCode ?? null }, signal },
    text: () =>
      `execution ${id} ${status === 'running' ? `got ${signal}` : `has ended: exit code ${result?.exitCode ?? ''}`}\n`,
  };
}

function detachedSignal(signal: NodeJS.Signals): DetachedSignal {
  const known = SIGNALS.find((name) => name === signal);
  if (known !== undefined) return known;
  throw new LxcriError(
    'UsageError',
    `${signal} cannot be sent to a detached command`,
    `use one of: ${SIGNALS.map((name) => name.slice(3)).join(', ')}`,
  );
}
