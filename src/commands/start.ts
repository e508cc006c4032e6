import { Flags } from '@oclif/core';

import { changeDocument, changeText } from '../cli/change.ts';
import { inventoryOf, needsNoRoot } from '../cli/inventory.ts';
import { say } from '../cli/messages.ts';
import { interruptible } from '../cli/interruption.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { containerArg, contextFlag, namedContainer, nodeFlag, verboseFlag } from '../cli/verb-flags.ts';
import { parseDuration } from '../cli/values/duration.ts';
import { loadSettings } from '../config/settings.ts';
import { startContainer } from '../oci/lifecycle/start.ts';

/** `start`: starts a container and waits until it runs. */
export default class Start extends Verb {
  static override summary = 'Start a container and wait until it runs.';

  static override description = 'A container that runs already is left alone: that is no error.';

  static override examples = [
    '<%= config.bin %> start 101',
    {
      description: 'Start it, and run a command as soon as one can run',
      command: '<%= config.bin %> start --wait web && <%= config.bin %> exec web -- uptime',
    },
  ];

  static override args = { container: containerArg };

  static override flags = {
    wait: Flags.boolean({ summary: 'wait until a command can run in it' }),
    timeout: Flags.string({ helpValue: 'DURATION', summary: 'how long to wait at most (default 60s)' }),
    node: nodeFlag,
    context: contextFlag,
    verbose: verboseFlag,
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Start);
    const target = namedContainer(args.container, 'start [FLAGS] CONTAINER');
    const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
    const settings = await loadSettings(process.env);
    const { node, wait } = flags;
    const inventory = inventoryOf(settings, {
      words: ['start', ...this.argv],
      context: flags.context,
      mayBeAnybody: needsNoRoot(target),
      onTaskLine: flags.verbose ? say : undefined,
    });
    const change = await interruptible((abort) => startContainer(inventory, target, { node, wait, timeoutMs, abort }));
    return { document: changeDocument(change), text: () => changeText(change, 'started', 'already runs') };
  }
}
