import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecRequest } from '../../model/request.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { NotStartedError } from '../method.ts';
import { LOOKUP_SCRIPT } from './container-script.ts';
import { notStarted } from './failures.ts';
import { CHANNEL_GRACE_MS, launch } from './launch.ts';
import type { Attacher } from './launch.ts';
import { readMessages } from './messages.ts';
import { parseLookup } from './user-lookup.ts';
import type { ResolvedUser } from './user-lookup.ts';

/**
 * Looks up a user in the container.
 *
 * @throws NoShellError, NotStartedError, LxcriError `UserNotFound`
 */
export async function lookUpUser(
  attacher: Attacher,
  request: ExecRequest,
  abort: AbortSignal,
): Promise<ResolvedUser | undefined> {
  if (request.user === undefined) return undefined;
  const environment = { [TAG_VARIABLE]: request.id };
  const words = [
    ...attacher.args([TAG_VARIABLE], []),
    '/bin/sh',
    '-c',
    LOOKUP_SCRIPT,
    'sh',
    request.user.user,
    request.user.group ?? '',
  ];
  const silent: ExecRequest = {
    ...request,
    terminal: undefined,
    stdin: { kind: 'null' },
    stdout: { kind: 'null' },
    stderr: { kind: 'null' },
  };
  const { parts, channel } = await launch({
    attacher,
    words,
    environment,
    request: silent,
    channel: true,
    holdStderr: false,
    abort,
  });
  const lines: string[] = [];
  const stop = (): void => void parts.tree.kill().then(() => parts.helper.kill('SIGKILL'));
  if (abort.aborted) stop();
  else abort.addEventListener('abort', stop);
  const ended = channel === undefined ? undefined : readMessages(channel, (line) => lines.push(line));
  const { code } = await parts.helper.ended;
  await Promise.race([ended, sleep(CHANNEL_GRACE_MS, undefined, { ref: false })]);
  abort.removeEventListener('abort', stop);
  // Whatever the container has left running here is not a daemon that a command meant to start.
  await parts.tree.kill();
  await parts.watchdog.dismiss();
  channel?.destroy();
  if (abort.aborted) throw new NotStartedError('canceled');
  if (lines.length === 0) throw notStarted(code);
  return parseLookup(lines, request.user);
}
