import { LxcriError } from '../../model/errors.ts';
import type { Word } from '../../model/request.ts';
import type { ResolvedUser } from './user-lookup.ts';

/** How the attaching program is told to become a user. */
export interface UserSwitch {
  /** Options of `lxc-attach`. */
  readonly attachOptions: string[];
  /** Words before the command that change the user inside the container. */
  readonly prefix: Word[];
}

/**
 * The way to run as this user with the groups a login has. `lxc-attach -u -g` leaves the supplementary groups empty, so
 * where there are any, a tool inside the container sets them.
 *
 * @throws LxcriError `UserNotFound` when the container has no means for it: groups are never left out silently.
 */
export function switchTo(user: ResolvedUser): UserSwitch {
  if (supplementaryOf(user).length === 0)
    return { attachOptions: ['-u', String(user.uid), '-g', String(user.gid)], prefix: [] };
  const prefix = byTool(user);
  if (prefix === undefined)
    throw noTool('container', `set the supplementary groups of user ${JSON.stringify(user.name)}`);
  return { attachOptions: [], prefix };
}

/**
 * The words before a command that make root there this user, with the groups that a login has.
 *
 * @param place for messages.
 * @throws LxcriError `UserNotFound` when it has no means for it.
 */
export function becoming(user: ResolvedUser, place: 'container' | 'guest'): Word[] {
  const words = byTool(user);
  if (words === undefined)
    throw noTool(place, `become user ${JSON.stringify(user.name === '' ? String(user.uid) : user.name)}`);
  return words;
}

function byTool(user: ResolvedUser): Word[] | undefined {
  const [uid, gid] = [String(user.uid), String(user.gid)];
  const supplementary = supplementaryOf(user).join(',');
  switch (user.tool) {
    case 'setpriv': {
      const groups = supplementary === '' ? ['--clear-groups'] : ['--groups', supplementary];
      return ['setpriv', '--reuid', uid, '--regid', gid, ...groups, '--'];
    }
    case 'chroot':
      return ['chroot', `--userspec=+${uid}:+${gid}`, `--groups=${supplementary}`, '/'];
    case 'busybox-su':
      // It takes users by name, and sets the groups of the user's own entries, and no others.
      return user.name !== '' && user.groups[0] === user.gid
        ? ['su', '-m', '-s', '/bin/sh', '--', user.name, '-c', 'exec "$@"', 'sh']
        : undefined;
    default:
      return undefined;
  }
}

function supplementaryOf({ groups, gid }: ResolvedUser): number[] {
  return groups.filter((group) => group !== gid);
}

function noTool(place: string, purpose: string): LxcriError {
  return new LxcriError(
    'UserNotFound',
    `the ${place} has no tool that can ${purpose}`,
    'install util-linux (setpriv) or coreutils (chroot) in it',
  );
}
