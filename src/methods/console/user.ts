import type { ExecRequest } from '../../model/request.ts';
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
