import { contextText } from '../../cli/context-document.ts';
import { contextsOfCall } from '../../cli/contexts-of-call.ts';
import { contextArg } from '../../cli/verb-flags.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';

/** `context show`: one context, with where its secret is. */
export default class ContextShow extends Verb {
  static override summary = 'Show a context; without a name, the current one.';

  static override description = 'It says where the secret is, never what it is, and asks no server.';

  static override examples = ['<%= config.bin %> context show', '<%= config.bin %> context show home'];

  static override args = { name: contextArg };

  protected override async perform(): Promise<Outcome> {
    const { args } = await this.parse(ContextShow);
    const { pick, shown } = await contextsOfCall(process.env);
    const context = shown(pick(args.name));
    return { document: { context }, text: () => contextText(context) };
  }
}
