import { Args, Flags } from '@oclif/core';

import { LxcriError } from '../model/errors.ts';

/** The container that a verb is about; see {@link namedContainer}. */
export const containerArg = Args.string({
  name: 'CONTAINER',
  description: 'a VMID (101), a name (web), or with a scheme: pve:101, lxc:web',
  ignoreStdin: true,
});

/**
 * The container that was named.
 *
 * @throws LxcriError `MissingContainerId`
 */
export function namedContainer(container: string | undefined, usage: string): string {
  if (container !== undefined) return container;
  throw new LxcriError('MissingContainerId', 'no container was named', `usage: proxmox-lxcri ${usage}`);
}

export const nodeFlag = Flags.string({
  helpValue: 'NODE',
  summary: 'the Proxmox node of the container',
});
