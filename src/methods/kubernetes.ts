import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';
import { shellCarries } from './shell-variables.ts';

/** Runs commands in the pods of a Kubernetes cluster by its API, as `kubectl exec` does. */
export const kubernetes: Method = {
  name: 'kubernetes',

  check({ pod }: Container, request: ExecRequest): Availability {
    if (pod === undefined) return unavailable('it is no pod of Kubernetes');
    if (request.command.some((word) => typeof word !== 'string'))
      return unavailable('the API of Kubernetes takes only arguments that are valid UTF-8');
    if (request.privileged)
      return unavailable('the API of Kubernetes gives a command no more privileges than its container has');
    if (request.guard !== undefined)
      return unavailable('a lock of this host cannot be kept until a command in a pod has ended');
    return shellCarries(request);
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    const { startInPod } = await import('./kubernetes/room.ts');
    try {
      return await startInPod(container, request, abort);
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
