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
import { stopContainer } from '../oci/lifecycle/stop.ts';

/** `stop`: shuts a container down, and kills it where it does not. */
export default class Stop extends Verb {
  static override summary = 'Shut a container down, and kill it if it does not end in time.';

  static override description = 'A container that is stopped already is left alone: that is no error.';

  static override examples = [
    '<%= config.bin %> stop 101',
    { description: 'Kill it at once', command: '<%= config.bin %> stop --force web' },
  ];

  static override args = { container: containerArg };

  static override flags = {
    force: Flags.boolean({ char: 'f', summary: 'kill everything in it at once' }),
    timeout: Flags.string({
      char: 't',
      helpValue: 'DURATION',
      summary: 'how long it may take to shut down before it is killed (default 60s)',
      exclusive: ['force'],
    }),
    node: nodeFlag,
    context: contextFlag,
    verbose: verboseFlag,
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Stop);
    const target = namedContainer(args.container, 'stop [FLAGS] CONTAINER');
    const given = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
    const settings = await loadSettings(process.env);
    const timeoutMs = given ?? settings['stop.timeout'];
    const { node, force } = flags;
    const inventory = inventoryOf(settings, {
      words: ['stop', ...this.argv],
      context: flags.context,
      mayBeAnybody: needsNoRoot(target),
      onTaskLine: flags.verbose ? say : undefined,
    });
    const change = await interruptible((abort) => stopContainer(inventory, target, { node, force, timeoutMs, abort }));
    return {
      document: { ...changeDocument(change), forced: change.forced },
      text: () => changeText(change, change.forced ? 'killed' : 'stopped', 'is stopped already'),
    };
  }
}
