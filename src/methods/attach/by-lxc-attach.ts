import { LxcriError } from '../../model/errors.ts';
import type { Container } from '../../model/container.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { Session } from '../../model/session.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { NoShellError } from './failures.ts';
import type { Attacher } from './launch.ts';
import { lookUpUser } from './look-up-user.ts';
import type { Place } from './place.ts';
import { startDirectly, startWithShell } from './start.ts';
import { switchTo } from './become.ts';
import type { ResolvedUser } from './user-lookup.ts';

/**
 * Starts a command with `lxc-attach`.
 *
 * @param place where that program is, and how to get there.
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startByLxcAttach(
  place: Place,
  container: Container,
  request: ExecRequest,
  abort: AbortSignal,
): Promise<Session> {
  const attacher = attacherFor(place, container, request);
  let user: ResolvedUser | undefined;
  try {
    user = await lookUpUser(attacher, request, abort);
    const { attachOptions, prefix } = user === undefined ? { attachOptions: [], prefix: [] } : switchTo(user);
    return await startWithShell({ attacher, extraOptions: attachOptions, prefix, user }, request, abort);
  } catch (error) {
    if (!(error instanceof NoShellError)) throw error;
    // The lookup ran in that shell: it is the user who cannot run it, or cannot be changed to.
    if (user !== undefined) throw cannotBecome(user);
    return startDirectly(attacher, idsWithoutLookup(request), environmentWithoutShell(request), request, abort);
  }
}

function cannotBecome({ name, uid, gid }: ResolvedUser): LxcriError {
  return new LxcriError(
    'UserNotFound',
    `nothing can be run in the container as user ${JSON.stringify(name)} (${uid}:${gid})`,
    'check that the user may execute /bin/sh there, and that its ids are mapped',
  );
}

function attacherFor(place: Place, container: Container, request: ExecRequest): Attacher {
  // On another node it is where that node's own configuration says.
  const { name, lxcpath } = container.lxc ?? { name: container.id, lxcpath: undefined };
  return {
    ...place,
    // --quiet: what lxc-attach has to say would mix with the command's standard error.
    args: (variables, extraOptions) => [
      '-n',
      name,
      ...(lxcpath === undefined ? [] : ['-P', lxcpath]),
      '--clear-env',
      '--quiet',
      ...variables.map((variable) => `--keep-var=${variable}`),
      ...(request.privileged ? ['--elevated-privileges'] : []),
      ...extraOptions,
      '--',
    ],
  };
}

/**
 * Names that would act on lxc-attach itself or on the shell that starts it, root processes of this host, before they
 * reach the command; and names that this shell sets itself.
 */
const UNSAFE_VARIABLE =
  /^(LD_|GLIBC_|LXC_|MALLOC_|BASH|(LOCPATH|LANGUAGE|NLSPATH|GCONV_PATH|TMPDIR|ENV|IFS|PS4|SHELLOPTS|POSIXLY_CORRECT|PWD|OLDPWD|SHLVL|_)$)/;

/** The command's environment where no shell in the container can set it. */
function environmentWithoutShell(request: ExecRequest): Record<string, string> {
  for (const key of request.env.keys()) {
    if (UNSAFE_VARIABLE.test(key)) throw withoutShell(`-e ${key}`);
  }
  if (request.workdir !== undefined && request.workdir !== '/') throw withoutShell('--workdir');
  if (request.command.length === 0) throw withoutShell('a login shell');
  const term = request.terminal === undefined ? {} : { TERM: request.terminal.type };
  const root = request.user === undefined ? { HOME: '/root', USER: 'root' } : { HOME: '/' };
  return { ...root, LANG: 'C.UTF-8', ...term, [TAG_VARIABLE]: request.id, ...Object.fromEntries(request.env) };
}

/** Options of lxc-attach for a user that cannot be looked up. */
function idsWithoutLookup({ user }: ExecRequest): string[] {
  if (user === undefined) return [];
  const { user: uid, group: gid } = user;
  if (!/^\d{1,10}$/.test(uid) || gid === undefined || !/^\d{1,10}$/.test(gid)) {
    throw new LxcriError(
      'UserNotFound',
      `the container has no shell to look up user ${JSON.stringify(uid)} with`,
      'give the numbers: --user UID:GID',
    );
  }
  return ['-u', uid, '-g', gid];
}

function withoutShell(what: string): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `the container has no /bin/sh, so ${what} cannot be provided in it`,
    'leave it out, or use a container with a shell',
  );
}
