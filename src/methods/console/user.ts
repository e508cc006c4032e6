import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest, Word } from '../../model/request.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import type { ShellSession } from '../../framed/shell-session.ts';
import { LOOKUP_SCRIPT } from '../attach/container-script.ts';
import { parseLookup } from '../attach/user-lookup.ts';
import type { ResolvedUser } from '../attach/user-lookup.ts';
import { NotStartedError } from '../method.ts';

/**
 * Looks up a user in the container, by a shell there.
 *
 * @throws NotStartedError, LxcriError `UserNotFound`
 */
export async function lookUpThere(session: ShellSession, request: ExecRequest): Promise<ResolvedUser | undefined> {
  if (request.user === undefined) return undefined;
  const { user, group = '' } = request.user;
  const command = session.run({
    execId: request.id,
    words: ['/bin/sh', '-c', LOOKUP_SCRIPT, 'sh', user, group],
    environment: { [TAG_VARIABLE]: request.id },
    stdin: false,
    stdout: false,
    stderr: false,
  });
  const end = await command.ended;
  if ('lost' in end) throw new NotStartedError(end.lost);
  // Whatever the container has left running here is not a daemon that a command meant to start.
  await command.killTree();
  await command.release();
  return parseLookup(command.messages, request.user);
}

/**
 * The words that make root there this user, with the groups that a login has.
 *
 * @throws LxcriError `UserNotFound` when the container has no means for it.
 */
export function becoming(user: ResolvedUser): Word[] {
  const [uid, gid] = [String(user.uid), String(user.gid)];
  const supplementary = user.groups.filter((group) => group !== user.gid).join(',');
  switch (user.tool) {
    case 'setpriv': {
      const groups = supplementary === '' ? ['--clear-groups'] : ['--groups', supplementary];
      return ['setpriv', '--reuid', uid, '--regid', gid, ...groups, '--'];
    }
    case 'chroot':
      return ['chroot', `--userspec=+${uid}:+${gid}`, `--groups=${supplementary}`, '/'];
    case 'busybox-su':
      // It sets the groups of the user's own entries, and no others.
      if (user.name !== '' && user.groups[0] === user.gid)
        return ['su', '-m', '-s', '/bin/sh', '--', user.name, '-c', 'exec "$@"', 'sh'];
      break;
    case 'none':
  }
  throw new LxcriError(
    'UserNotFound',
    `the container has no tool that can make a process one of user ${user.name === '' ? '' : `${JSON.stringify(user.name)} `}(${uid}:${gid})`,
    'install util-linux (setpriv) or coreutils (chroot) in the container',
  );
}
