import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { isOurTerminal } from './attach/own-terminal.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';
import { shellCarries } from './shell-variables.ts';

/**
 * The container's own console, over the API: takes somebody at a terminal there, or runs a command in the shell on it.
 * It is one terminal for everybody who looks at it, so the latter is done only where nobody does, and where a shell of
 * root waits at its prompt.
 */
export const consoleMethod: Method = {
  name: 'console',

  check(container: Container, request: ExecRequest): Availability {
    if (container.api === undefined) return unavailable('the container was not found by a context, over the API');
    if (request.terminal !== undefined) return checkVisit(request);
    if (container.api.type !== 'lxc') return unavailable('the console of a virtual machine has no shell of its own');
    if (request.privileged) return unavailable('the console has no elevated privileges');
    if (request.guard !== undefined)
      return unavailable('the console cannot keep a lock until the command has ended, should the connection be lost');
    return shellCarries(request);
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    if (container.api === undefined) throw new NotStartedError('the container was not found by a context');
    try {
      if (request.terminal !== undefined) {
        const { visitConsole } = await import('./console/visit.ts');
        return await visitConsole(container.api, request, abort);
      }
      const { startInConsole } = await import('./console/start.ts');
      return await startInConsole(container.api, request, abort);
    } catch (error) {
      // Of a bundle of its own, whose classes are not ours.
      if (error instanceof Error && error.name === 'NotStartedError') throw new NotStartedError(error.message);
      throw error;
    }
  },
};

/** It is looked at as it is: there is no way to have something else in it, or to have it for a program. */
function checkVisit(request: ExecRequest): Availability {
  const { command, user, workdir, env, needsTreeKill } = request;
  if (command.length > 0)
    return unavailable(
      'the console is one terminal for all who look at it: no command is typed into it; without one, enter goes there',
    );
  if (!isOurTerminal(request)) return unavailable('the console is for somebody at a terminal');
  if (user !== undefined || workdir !== undefined || env.size > 0)
    return unavailable('the console has the user, directory and variables of whoever has logged in there');
  if (request.privileged) return unavailable('the console has no elevated privileges');
  if (needsTreeKill || request.guard !== undefined)
    return unavailable('what runs on the console cannot be ended from here: it has no timeout, and holds no lock');
  return { ok: true };
}

function unavailable(reason: string): Availability {
  return { ok: false, reason };
}
