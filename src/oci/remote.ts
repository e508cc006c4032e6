import type { ContainerState } from '../lxc/state.ts';
import type { Container, RemoteHandle } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { NotFound } from '../remote/nodes.ts';
import { sshCall } from '../values/ssh-call.ts';

/** A container of another node, as that node knows it. */
export interface KnownThere {
  readonly container: Container;
  readonly state: ContainerState['state'];
}

/**
 * Asks the node of a container for it.
 *
 * @param signal ends the attempt.
 * @throws LxcriError ContainerNotFound, AmbiguousContainer, or as `findOnNode`.
 */
export async function askNode(container: Container, remote: RemoteHandle, signal?: AbortSignal): Promise<KnownThere> {
  const { id, node = '' } = container;
  const { findOnNode } = await import('../remote/nodes.ts');
  const facts = await findOnNode({ node, ssh: remote.ssh }, id, signal);
  if ('problem' in facts) throw notThere(container, remote, facts);
  const { vmid, name, lock, state, initPid, tools } = facts;
  const { lock: _before, ...unlocked } = container;
  return {
    container: {
      ...unlocked,
      id: vmid,
      name,
      remote: { ...remote, found: { initPid, tools } },
      ...(lock === undefined ? {} : { lock }),
    },
    state: state as ContainerState['state'],
  };
}

function notThere({ id, node, api }: Container, { ssh }: RemoteHandle, facts: NotFound): LxcriError {
  switch (facts.problem) {
    case 'elsewhere':
      return new LxcriError(
        'ContainerNotFound',
        `container ${id} is not on node ${node}, but on node ${facts.node}`,
        `use pve:${facts.node}/${id}${api === undefined ? '' : `@${api.context}`}; if it has just been migrated, run this again`,
      );
    case 'ambiguous':
      return new LxcriError(
        'AmbiguousContainer',
        `${id} is the name of ${facts.candidates.length} containers of node ${node}: ${facts.candidates.join(', ')}`,
        'use one of these',
      );
    case 'not-proxmox':
      return new LxcriError(
        'PlatformUnreachable',
        `node ${node} is not a Proxmox VE node, or its configuration is not mounted`,
        'check its name; on a node, start pve-cluster',
      );
    default:
      return new LxcriError(
        'ContainerNotFound',
        `no container ${id} on node ${node}`,
        `list its containers with: ${api === undefined ? `ssh ${ssh.destination} pct list` : sshCall(ssh, 'pct list')}`,
      );
  }
}
