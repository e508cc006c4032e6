import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';

/** Runs commands in microVMs, by an agent that is asked over vsock. */
export const vsock: Method = {
  name: 'vsock',

  check({ vsock: access }: Container, request: ExecRequest): Availability {
    if (access === undefined) return unavailable('it is no microVM that is reached over vsock');
    if (request.guard !== undefined) return unavailable('a command in a microVM cannot hold a lock of this host');
    return { ok: true };
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    const { startInGuest } = await import('./vsock/room.ts');
    try {
      return await startInGuest(container, request, abort);
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
