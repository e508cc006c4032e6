import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';

/** Runs commands in containers of a Docker engine, or one that speaks as it does, by its API. */
export const docker: Method = {
  name: 'docker',

  check({ docker: access }: Container, request: ExecRequest): Availability {
    if (access === undefined) return unavailable('it is no container of Docker');
    if (request.command.some((word) => typeof word !== 'string'))
      return unavailable("the engine's API takes only arguments that are valid UTF-8");
    if (request.guard !== undefined && access.initPid === undefined)
      return unavailable(
        'a lock is kept until the command has ended only where the engine is of this host, and by root',
      );
    return { ok: true };
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    const { startInDocker } = await import('./docker/room.ts');
    try {
      return await startInDocker(container, request, abort);
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
