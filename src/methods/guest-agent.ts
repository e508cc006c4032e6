import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import type { Availability, Method } from './method.ts';
import { shellCarries } from './shell-variables.ts';

/**
 * Runs commands in virtual machines with their QEMU guest agents, over the API of Proxmox VE: with no terminal, the whole
 * input before and the whole output after.
 */
export const guestAgent: Method = {
  name: 'guest-agent',

  check(container: Container, request: ExecRequest): Availability {
    const { api } = container;
    if (api === undefined) return unavailable('no context knows the container');
    if (api.type !== 'qemu') return unavailable('only virtual machines (QEMU) have a guest agent');
    if (request.terminal !== undefined) return unavailable('the guest agent gives no terminal');
    if (request.privileged) return unavailable('the guest agent has no elevated privileges');
    if (request.guard !== undefined) return unavailable('the guest agent cannot hold a lock of this host');
    return shellCarries(request);
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    const { startInGuest } = await import('./agent/start.ts');
    return startInGuest(container, request, abort);
  },
};

function unavailable(reason: string): Availability {
  return { ok: false, reason };
}
