import { LxcriError } from '../model/errors.ts';
import type { Context } from './context.ts';

/** How a node is reached over ssh. */
export interface SshAccess {
  /** As ssh takes it; never what it would take for an option. */
  readonly destination: string;
  /** Words for ssh before the destination. */
  readonly options: readonly string[];
  /** Whether root is had by `sudo -n` there. */
  readonly sudo: boolean;
}

/**
 * How a node of a context's cluster is reached over ssh. Where the context does not say, it is the user's own
 * configuration of ssh that knows the node by its name.
 *
 * @param node as the server named it, which is not trusted.
 * @throws LxcriError `PlatformUnreachable` for what is no name of a node.
 */
export function sshAccess({ ssh, sshNodes }: Context, node: string): SshAccess {
  if (!/^[a-z0-9][a-z0-9-]*$/i.test(node)) {
    throw new LxcriError('PlatformUnreachable', `${JSON.stringify(node)} is no name of a node`, 'check the server');
  }
  const own = sshNodes.get(node);
  return {
    destination: (own?.destination ?? ssh.destination ?? '{node}').replaceAll('{node}', node),
    options: own?.options ?? ssh.options ?? [],
    sudo: own?.sudo ?? ssh.sudo ?? false,
  };
}
