import { Args, Flags } from '@oclif/core';

import { changeDocument, changeText } from '../cli/change.ts';
import { inventoryOf, needsNoRoot } from '../cli/inventory.ts';
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
import type { SignalName } from '../values/signal.ts';

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

  static override flags = {
    node: nodeFlag,
    context: contextFlag,
    signal: Flags.string({ char: 's', description: 'the same as SIGNAL', helpValue: 'SIGNAL' }),
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Kill, this.argv.map(asFlag));
    const target = namedContainer(args.container, 'kill CONTAINER [SIGNAL]');
    const named = namedSignal(args.signal, flags.signal);
    const settings = await loadSettings(process.env);
    const inventory = inventoryOf(settings, {
      words: ['kill', ...this.argv],
      context: flags.context,
      mayBeAnybody: needsNoRoot(target),
    });
    const store = ExecutionStore.below(settings.stateDirectory);
    // Who names a cluster means a guest of it.
    const execution = flags.context === undefined ? await namedExecution(store, target, inventory) : undefined;
    if (execution !== undefined) return killedExecution(store, execution, named ?? 'SIGTERM');
    const signal = named ?? 'SIGKILL';
    const change = await killContainer(inventory, target, signal, flags.node);
    return {
      document: { ...changeDocument(change), signal },
      text: () => changeText(change, signal === 'SIGKILL' ? 'killed' : `got ${signal}`, ''),
    };
  }
}

/** `-9` and `-TERM`, as kill(1) takes them. */
function asFlag(word: string): string {
  return /^-(?:\d+|[A-Z][A-Z\d+-]+)$/.test(word) ? `--signal=${word.slice(1)}` : word;
}

function namedSignal(argument: string | undefined, flag: string | undefined): SignalName | undefined {
  if (argument !== undefined && flag !== undefined) {
    throw new LxcriError(
      'UsageError',
      `two signals are named: ${JSON.stringify(flag)} and ${JSON.stringify(argument)}`,
      'name one',
    );
  }
  const named = argument ?? flag;
  return named === undefined ? undefined : parseSignal(named);
}

async function killedExecution(store: ExecutionStore, id: string, signal: SignalName): Promise<Outcome> {
  const { status, result } = await killExecution(store, id, detachedSignal(signal));
  return {
    document: { execution: { id, status, exitCode: result?.exitCode ?? null }, signal },
    text: () =>
      `execution ${id} ${status === 'running' ? `got ${signal}` : `has ended: exit code ${result?.exitCode ?? ''}`}\n`,
  };
}

function detachedSignal(signal: SignalName): DetachedSignal {
  const known = SIGNALS.find((name) => name === signal);
  if (known !== undefined) return known;
  throw new LxcriError(
    'UsageError',
    `${signal} cannot be sent to a detached command`,
    `use one of: ${SIGNALS.map((name) => name.slice(3)).join(', ')}`,
  );
}
