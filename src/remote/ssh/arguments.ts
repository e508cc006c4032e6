import { createHash } from 'node:crypto';

import type { SshTarget } from '../../model/container.ts';

/** How long a shared connection stays open after its last use. */
const PERSIST_SECONDS = 60;

/** What decides over safety comes first, because ssh takes the first value it is given of an option. */
const FIXED = [
  ['BatchMode', 'yes'],
  ['ClearAllForwardings', 'yes'],
  ['ForwardAgent', 'no'],
  ['ForwardX11', 'no'],
  ['Tunnel', 'no'],
  ['PermitLocalCommand', 'no'],
  ['RemoteCommand', 'none'],
  ['EscapeChar', 'none'],
  // Less would hide why it fails, and more would mix with that.
  ['LogLevel', 'INFO'],
] as const;

/** What a target's own options may have otherwise. */
const DEFAULTS = [
  ['ConnectTimeout', '10'],
  // A connection that is dead is noticed within half a minute.
  ['ServerAliveInterval', '10'],
  ['ServerAliveCountMax', '3'],
] as const;

/**
 * The arguments of `ssh` for a command on a target.
 *
 * @param controlPath the socket of the shared connection; `undefined` for one of its own.
 * @param command for the shell there.
 */
export function sshArguments(
  { destination, options }: SshTarget,
  controlPath: string | undefined,
  command: string,
): string[] {
  const sharing =
    controlPath === undefined
      ? [
          ['ControlMaster', 'no'],
          ['ControlPath', 'none'],
        ]
      : [
          ['ControlMaster', 'auto'],
          ['ControlPath', controlPath],
          ['ControlPersist', String(PERSIST_SECONDS)],
        ];
  const written = (pairs: readonly (readonly string[])[]): string[] => pairs.flatMap((pair) => ['-o', pair.join('=')]);
  return ['-T', ...written([...FIXED, ...sharing]), ...options, ...written(DEFAULTS), '--', destination, command];
}

/**
 * A name for the shared connection to a target: different for whatever decides whom one talks to, how that is checked,
 * and with whose keys, and short.
 *
 * @param agent where the agent is that has the keys, if there is one.
 */
export function controlName(ssh: string, { destination, options }: SshTarget, agent: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([ssh, destination, options, agent ?? '']))
    .digest('hex')
    .slice(0, 24);
}
