import { contextsOfCall } from '../cli/contexts-of-call.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { contextArg } from '../cli/verb-flags.ts';
import type { Context } from '../contexts/context.ts';
import { tokenFile } from '../contexts/files.ts';

/** `logout`: forgets the ticket and the secret of a context. */
export default class Logout extends Verb {
  static override summary = 'Forget the ticket of a context, and the secret that login stored for it.';

  static override description =
    `The context stays: log in again to use it. What you keep elsewhere yourself stays, too, and so does a token on the
server: pveum user token remove USER NAME removes it there.`;

  static override examples = ['<%= config.bin %> logout home'];

  static override args = { name: contextArg };

  protected override async perform(): Promise<Outcome> {
    const { args } = await this.parse(Logout);
    const { room, pick, stateDirectory } = await contextsOfCall(process.env);
    const context = pick(args.name);
    const forgotten = room.forgetSecrets(context, stateDirectory);
    return { document: { context: context.name, forgotten }, text: () => logoutText(context, forgotten) };
  }
}

function logoutText({ name, identity, file }: Context, forgotten: readonly string[]): string {
  const source = identity.kind === 'token' ? identity.secret : identity.password;
  const isOurs = source === undefined || (source.kind === 'file' && source.path === tokenFile(file, name));
  const what =
    forgotten.length === 0 ? 'there was nothing to forget' : `the ${forgotten.join(' and the ')} is forgotten`;
  const kept = isOurs ? '' : `; its secret comes from a ${source.kind} of yours, which stays`;
  return `${name}: ${what}${kept}\n`;
}
