import { contextsOfCall } from '../../cli/contexts-of-call.ts';
import { contextArg, namedContext } from '../../cli/verb-flags.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';

/** `context use`: makes one the current context. */
export default class ContextUse extends Verb {
  static override summary = 'Make a context the one that is asked when none is named.';

  static override examples = ['<%= config.bin %> context use home'];

  static override args = { name: contextArg };

  protected override async perform(): Promise<Outcome> {
    const { args } = await this.parse(ContextUse);
    const { room, pick } = await contextsOfCall(process.env);
    const context = pick(namedContext(args.name, 'context use NAME'));
    await room.useContext(context, process.env);
    return { document: { context: context.name }, text: () => `${context.name} is the current context\n` };
  }
}
