import { Args } from '@oclif/core';

import { changeDocument, changeText } from '../cli/change.ts';
import { requireRoot } from '../cli/privileges.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { containerArg, namedContainer, nodeFlag } from '../cli/verb-flags.ts';
import { parseSignal } from '../cli/values/signal.ts';
import { killContainer } from '../oci/lifecycle/kill.ts';
import { hostInventory } from '../oci/locate.ts';

/** `kill`: sends a signal to a container's init process. */
export default class Kill extends Verb {
  static override summary = "Send a signal to a container's init process; KILL ends everything in it.";

  static override examples = [
    { description: 'End it at once', command: '<%= config.bin %> kill web' },
    { description: 'Have its init read its configuration again', command: '<%= config.bin %> kill web HUP' },
  ];

  static override args = {
    container: containerArg,
    signal: Args.string({ description: 'a name or number', default: 'KILL', ignoreStdin: true }),
  };

  static override flags = { node: nodeFlag };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Kill);
    const target = namedContainer(args.container, 'kill CONTAINER [SIGNAL]');
    const signal = parseSignal(args.signal);
    requireRoot(['kill', ...this.argv]);
    const change = await killContainer(hostInventory(process.env), target, signal, flags.node);
    return {
      document: { ...changeDocument(change), signal },
      text: () => changeText(change, signal === 'SIGKILL' ? 'killed' : `got ${signal}`, ''),
    };
  }
}
