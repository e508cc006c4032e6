import type { Container } from '../model/container.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';

/**
 * Stands for the API in an order of methods: its routes that the context enables take part in its place. Of itself it
 * runs nothing, because Proxmox VE has no endpoint that does; whether a server has one nevertheless is asked once, to say so.
 */
export const proxmoxApi: Method = {
  name: 'proxmox-api',

  check({ api }: Container): Availability {
    return api === undefined ? { ok: false, reason: 'no Proxmox API configured' } : { ok: true };
  },

  async look({ api }: Container, abort: AbortSignal): Promise<Availability> {
    if (api === undefined) return { ok: true };
    const reason = await api.execEndpoint(abort);
    const routes = api.routes.length === 0 ? `, and the context ${api.context} enables no routes` : '';
    return { ok: false, reason: `${reason}${routes}` };
  },

  start(): Promise<never> {
    return Promise.reject(new NotStartedError('the API runs commands by its routes only'));
  },
};
