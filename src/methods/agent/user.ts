import { LxcriError } from '../../model/errors.ts';
import type { UserSpec, Word } from '../../model/request.ts';
import { LOOKUP_SCRIPT } from '../attach/container-script.ts';
import { parseLookup, switchTo } from '../attach/user-lookup.ts';
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

/**
 * The words before a command that make it run as this user, with the groups a login has.
 *
 * @param place for messages.
 * @throws LxcriError `UserNotFound` when it has no means for it.
 */
export function becoming(user: ResolvedUser, place = 'guest'): readonly Word[] {
  const { prefix } = switchTo(user);
  if (prefix.length > 0) return prefix;
  const [uid, gid] = [String(user.uid), String(user.gid)];
  switch (user.tool) {
    case 'setpriv':
      return ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', '--'];
    case 'chroot':
      return ['chroot', `--userspec=+${uid}:+${gid}`, '--groups=', '/'];
    case 'busybox-su':
      // It takes users by name, with their own group.
      if (user.name !== '' && user.groups[0] === user.gid)
        return ['su', '-m', '-s', '/bin/sh', '--', user.name, '-c', 'exec "$@"', 'sh'];
      break;
    case 'none':
  }
  throw new LxcriError(
    'UserNotFound',
    `the ${place} has no tool that can become user ${JSON.stringify(user.name === '' ? uid : user.name)}`,
    'install util-linux (setpriv) or coreutils (chroot) in it',
  );
}
