import { answered } from '../cli/interruption.ts';
import { inventoryOf, needsNoRoot } from '../cli/inventory.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import {
  answerTimeout,
  answerTimeoutFlag,
  containerArg,
  contextFlag,
  namedContainer,
  nodeFlag,
} from '../cli/verb-flags.ts';
import { loadSettings } from '../config/settings.ts';
import { ociState } from '../oci/state.ts';
import { containerStatus } from '../oci/status.ts';

/** `state`: the state of a container as OCI runtimes print it. */
export default class State extends Verb {
  static override summary = 'Print the state of a container as the OCI runtime specification defines it.';

  static override description =
    `It is JSON in either form; --json prints it on one line, with our "schemaVersion" and "error".
A frozen container is "paused". The annotations are ours: proxmox-lxcri.name, .platform, .status, .node and .lock.
A guest that is asked for over the API of Proxmox has no pid here: it would be another process on this host.`;

  static override args = { container: containerArg };

  static override flags = { timeout: answerTimeoutFlag, node: nodeFlag, context: contextFlag };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(State);
    const target = namedContainer(args.container, 'state CONTAINER');
    const timeoutMs = answerTimeout(flags.timeout);
    const settings = await loadSettings(process.env);
    const inventory = inventoryOf(settings, {
      words: ['state', ...this.argv],
      context: flags.context,
      mayBeAnybody: needsNoRoot(target),
    });
    const status = await answered((abort) => containerStatus(inventory, target, flags.node, abort), timeoutMs);
    const state = ociState(status);
    return { document: state, text: () => `${JSON.stringify(state, undefined, 2)}\n` };
  }
}
