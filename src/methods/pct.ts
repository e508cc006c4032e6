import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { findExecutable } from '../process/executable.ts';
import { NoShellError } from './attach/failures.ts';
import type { Attacher } from './attach/launch.ts';
import { thereIs, whereToRun } from './attach/place.ts';
import { startWithShell } from './attach/start.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';

/**
 * Runs commands with `pct exec` of Proxmox VE, on the node that owns the container. It ends in lxc-attach, with no
 * options but one (PVE/CLI/pct.pm of pve-container 6.1.10), so it gets only what arrives there unchanged: it decodes
 * arguments by the locale, which spoils bytes that are not UTF-8, and it has no way for a secret environment.
 * What a failed `pct` and a command that exits with 2 or 255 have in common does not matter here: the script in the
 * container says when the command starts.
 */
export const pct: Method = {
  name: 'pct',
  asksNode: true,

  check(container: Container, request: ExecRequest): Availability {
    if (container.platform !== 'proxmox') return unavailable('not a Proxmox container');
    if (container.api?.type === 'qemu') return unavailable('it is a virtual machine (QEMU), not a container');
    const there = container.remote === undefined ? undefined : thereIs('pct', container);
    if (there?.ok === false) return there;
    if (there === undefined && findExecutable('pct') === undefined) return unavailable('pct is not installed');
    if (request.env.size > 0) return unavailable('pct exec would show environment values on its command line');
    if (request.user !== undefined) return unavailable('pct exec cannot change the user');
    if (request.privileged) return unavailable('pct exec has no elevated privileges');
    if (request.command.some((word) => typeof word !== 'string'))
      return unavailable('pct exec alters arguments that are not valid UTF-8');
    return { ok: true };
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    // keep-env still defaults to 1; "--" ends its options, which it would else look for among the command's words.
    const attacher: Attacher = {
      ...whereToRun('pct', container),
      args: () => ['exec', container.id, '--keep-env', '0', '--'],
    };
    try {
      return await startWithShell({ attacher, extraOptions: [], prefix: [], user: undefined }, request, abort);
    } catch (error) {
      if (error instanceof NoShellError)
        throw new NotStartedError('the container has no /bin/sh, without which pct cannot tell when a command starts');
      throw error;
    }
  },
};

function unavailable(reason: string): Availability {
  return { ok: false, reason };
}
