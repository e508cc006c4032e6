import { isLxcriError } from '../model/errors.ts';
import type { Container } from '../model/container.ts';
import type { ApiAccess } from '../model/remote.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { startByLxcAttach } from './attach/by-lxc-attach.ts';
import type { Place } from './attach/place.ts';
import { NotStartedError } from './method.ts';
import type { Availability, Method } from './method.ts';
import { shellCarries } from './shell-variables.ts';

/**
 * Runs commands with `lxc-attach` on the container's node, in a shell of that node that its API gives: a new one of root's
 * (`login -f root`, PVE/API2/Nodes.pm of pve-manager 9.2.11), not shared with anybody, and only for root@pam with the
 * ticket of a password.
 */
export const nodeShell: Method = {
  name: 'node-shell',

  check({ api }: Container, request: ExecRequest): Availability {
    if (api === undefined) return unavailable('it needs a context: the API of a Proxmox cluster');
    if (api.type !== 'lxc') return unavailable('lxc-attach on the node is for containers; this is a virtual machine');
    switch (api.login) {
      case 'root-ticket':
        return shellCarries(request);
      case 'token':
        return unavailable(
          'a token gets no root shell of a node, whatever its privileges: log in as root@pam with the password, or use ssh',
        );
      default:
        return unavailable('only root@pam gets a root shell of a node: log in as root@pam, or use ssh');
    }
  },

  async start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    const { api } = container;
    if (api === undefined) throw new NotStartedError('there is no context');
    return startByLxcAttach(await placeOnNode(api, abort), container, request, abort);
  },
};

/** @throws NotStartedError when there is no shell, or the container cannot be attached to in it. */
async function placeOnNode(api: ApiAccess, abort: AbortSignal): Promise<Place> {
  const { node, vmid } = api;
  const { findOnNode } = await import('../remote/nodes.ts');
  const address = { node, shell: api };
  const found = await findOnNode(address, vmid, abort).catch((error: unknown) => {
    // Another way may lead there.
    throw isLxcriError(error) ? new NotStartedError([error.message, error.hint].filter(Boolean).join('; ')) : error;
  });
  if ('problem' in found) {
    const where =
      found.problem === 'elsewhere' ? `it is on node ${found.node} by now` : `node ${node} does not know it`;
    throw new NotStartedError(where);
  }
  const { state, initPid, tools } = found;
  if (state !== 'RUNNING') throw new NotStartedError(`the container is ${state.toLowerCase()}`);
  if (!tools.includes('lxc-attach')) throw new NotStartedError(`lxc-attach is not installed on node ${node}`);
  return { file: 'lxc-attach', node: address, initPid };
}

function unavailable(reason: string): Availability {
  return { ok: false, reason };
}
