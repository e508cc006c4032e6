import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { SshTarget } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import { findExecutable } from '../../process/executable.ts';
import { untilAborted } from '../../process/until-aborted.ts';
import { Connection, NoAnswerError } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { bootstrap } from '../bootstrap.ts';
import { controlName, sshArguments } from './arguments.ts';
import { sshChannel } from './channel.ts';
import { controlDirectory } from './control-directory.ts';
import { connectFailure, isBusy, isOfSharing } from './failures.ts';

/** How long a login may take: its own name lookups, a slow link. */
const LOGIN_TIMEOUT_MS = 30_000;

/** Over a connection that is there already, a login takes milliseconds; one that is broken takes for ever. */
const SHARED_TIMEOUT_MS = 5000;

/** What a connection over ssh may be given; everything is optional. */
export interface SshOptions extends ConnectionOptions {
  /** How long an ssh connection that is there already may take to carry us. Default 5 s. */
  readonly sharedTimeoutMs?: number;
}

/** Pauses before a busy server is asked again. */
const RETRY_MS = [100, 300, 900];

/**
 * Connects to a node over ssh. The ssh connection is shared with later calls: the first one leaves it open for a minute.
 *
 * @param node for messages.
 * @throws LxcriError PlatformUnreachable, AuthenticationFailed, PermissionDenied or NoMethodAvailable, with ssh's words;
 *   or the signal's reason.
 */
export async function connectOverSsh(
  node: string,
  target: SshTarget,
  env: NodeJS.ProcessEnv,
  options: SshOptions = {},
): Promise<Connection> {
  const ssh = findExecutable('ssh', env['PATH']);
  if (ssh === undefined)
    throw new LxcriError('NoMethodAvailable', 'ssh is not installed', 'install the package openssh-client');
  const directory = controlDirectory(env);
  let shared = directory === undefined ? undefined : `${directory}/${controlName(ssh, target, env['SSH_AUTH_SOCK'])}`;
  for (let attempt = 0; ; attempt++) {
    options.signal?.throwIfAborted();
    const wasOpen = shared !== undefined && existsSync(shared);
    const timeoutMs = wasOpen ? (options.sharedTimeoutMs ?? SHARED_TIMEOUT_MS) : LOGIN_TIMEOUT_MS;
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is about
      return await connectOnce(ssh, target, shared, env, timeoutMs, options);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      const pause = RETRY_MS[attempt];
      if (pause === undefined) throw connectFailure(error, node, target, timeoutMs);
      if (wasOpen && isOfSharing(error)) {
        // A master that does not answer is nobody's any more; one that has no room is left alone.
        if (error.end === undefined && shared !== undefined) rmSync(shared, { force: true });
        else shared = undefined;
      } else if (isBusy(error)) {
        // oxlint-disable-next-line no-await-in-loop -- waiting is what it is about
        await untilAborted(sleep(pause * (1 + Math.random())), options.signal);
      } else {
        throw connectFailure(error, node, target, timeoutMs);
      }
    }
  }
}

async function connectOnce(
  ssh: string,
  target: SshTarget,
  controlPath: string | undefined,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
  options: ConnectionOptions,
): Promise<Connection> {
  const { command, nonce, program } = bootstrap();
  const words = target.sudo ? `sudo -n ${command}` : command;
  const channel = sshChannel(ssh, sshArguments(target, controlPath, words), env);
  channel.input.write(program);
  return Connection.open(channel, nonce, timeoutMs, options);
}
