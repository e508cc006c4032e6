import { contextsOfCall } from '../../cli/contexts-of-call.ts';
import { contextArg, namedContext } from '../../cli/verb-flags.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';

/** `context remove`: forgets a context. */
export default class ContextRemove extends Verb {
  static override summary = 'Remove a context, with its ticket and the secret that login stored for it.';

  static override description =
    'A token itself stays on the server: pveum user token remove USER NAME removes it there.';

  static override examples = ['<%= config.bin %> context remove home'];

  static override args = { name: contextArg };

  protected override async perform(): Promise<Outcome> {
    const { args } = await this.parse(ContextRemove);
    const { room, pick, stateDirectory } = await contextsOfCall(process.env);
    const context = pick(namedContext(args.name, 'context remove NAME'));
    const forgotten = await room.removeContext(context, process.env, stateDirectory);
    return {
      document: { context: context.name, forgotten },
      text: () => `${context.name} is removed from ${context.file}\n`,
    };
  }
}
