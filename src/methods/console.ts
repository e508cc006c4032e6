import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';

/**
 * Runs commands in the shell on the container's own console, over the API. That console is one terminal for everybody
 * who looks at it, so this is done only where nobody does and a shell of root waits at its prompt.
 */
export const consoleMethod: Method = {
  name: 'console',

  check(container: Container, request: ExecRequest): Availability {
    if (container.api === undefined) return unavailable('the container was not found by a context, over the API');
    if (container.api.type !== 'lxc') return unavailable('the console of a virtual machine has no shell of its own');
    if (request.terminal !== undefined) return unavailable('the console cannot give the command a terminal of its own');
    if (request.privileged) return unavailable('the console has no elevated privileges');
    if (request.guard !== undefined)
      return unavailable('the console cannot keep a lock until the command has ended, should the connection be lost');
    return { ok: true };
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    if (container.api === undefined) throw new NotStartedError('the container was not found by a context');
    const { startInConsole } = await import('./console/start.ts');
    try {
      return await startInConsole(container.api, request, abort);
    } catch (error) {
      // Of a bundle of its own, whose classes are not ours.
      if (error instanceof Error && error.name === 'NotStartedError') throw new NotStartedError(error.message);
      throw error;
    }
  },
};

function unavailable(reason: string): Availability {
  return { ok: false, reason };
}
