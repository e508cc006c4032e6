import type { SshTarget } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { NodeConfig } from './config.ts';

/**
 * How one node of a cluster reaches another over ssh: with root's own key, and the host key that the cluster knows. The
 * options are those of Proxmox VE itself (pve-cluster's PVE/SSHInfo.pm).
 *
 * @throws LxcriError PlatformUnreachable when the cluster says that the node is offline, or does not know it.
 */
export function clusterSshTarget(pve: NodeConfig, node: string): SshTarget {
  const member = pve.member(node);
  if (member?.ip === undefined)
    throw new LxcriError('PlatformUnreachable', `the cluster has no address of node ${node}`, 'see: pvecm status');
  if (!member.online)
    throw new LxcriError('PlatformUnreachable', `node ${node} is offline, as the cluster sees it`, 'see: pvecm status');
  const knownHosts = pve.knownHosts(node);
  const hostKeys = knownHosts === undefined ? [] : [`UserKnownHostsFile=${knownHosts}`, 'GlobalKnownHostsFile=none'];
  const options = ['BatchMode=yes', `HostKeyAlias=${node}`, ...hostKeys];
  return {
    destination: `root@${member.ip}`,
    options: ['-e', 'none', ...options.flatMap((option) => ['-o', option])],
    sudo: false,
  };
}

/** How a host outside of the cluster reaches a node: as the user's own ssh configuration says. */
export function configuredSshTarget(node: string): SshTarget {
  return { destination: node, options: [], sudo: false };
}
