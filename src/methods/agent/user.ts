import { LxcriError } from '../../model/errors.ts';
import type { UserSpec } from '../../model/request.ts';
import { LOOKUP_SCRIPT } from '../attach/container-script.ts';
import { parseLookup } from '../attach/user-lookup.ts';
import type { ResolvedUser } from '../attach/user-lookup.ts';
import type { GuestAgent } from './guest-agent.ts';
import type { Launched } from './failures.ts';
import { SCRIPT, launchWords } from './words.ts';
import type { GuestLaunch } from './words.ts';

/**
 * Looks up a user in the guest.
 *
 * @returns the user, or why nothing could be started there.
 * @throws LxcriError `UserNotFound`, or `PlatformUnreachable` when the answer was lost: nothing was changed.
 */
export async function lookUpUser(
  agent: GuestAgent,
  id: string,
  spec: UserSpec,
  abort?: AbortSignal,
): Promise<ResolvedUser | Exclude<Launched, { kind: 'started' | 'unclear' }>> {
  const words: GuestLaunch['words'] = ['/bin/sh', '-c', SCRIPT, 'sh', spec.user, spec.group ?? ''];
  const launched = await agent.launch(
    launchWords({ id, words, script: LOOKUP_SCRIPT, hasEnvironment: false, isCommand: false }),
    undefined,
  );
  if (launched.kind === 'refused' || launched.kind === 'no-program') return launched;
  const outcome =
    launched.kind === 'started' ? await agent.wait(launched.pid, abort === undefined ? {} : { abort }) : launched;
  if (!('stderr' in outcome)) {
    const message = `the user could not be looked up in ${agent.name}: ${outcome.reason}`;
    throw new LxcriError('PlatformUnreachable', message, 'nothing was started; try again');
  }
  const said = outcome.stderr.toString();
  const start = said.indexOf(`${id} `);
  return parseLookup(start === -1 ? [] : said.slice(start + id.length + 1).split('\n'), spec);
}
