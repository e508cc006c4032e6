import { isAbsolute } from 'node:path';

import { DEFAULT_LXCPATH } from '../lxc/lxcpath.ts';
import type { ContainerStatus, Status } from '../model/status.ts';
import { offline, unreachable } from './hints.ts';

/** The version of the OCI runtime specification whose `state` this is. */
const OCI_VERSION = '1.2.0';

/** A container's state as the OCI runtime specification defines it (runtime.md, "State"). */
export interface OciState {
  ociVersion: string;
  id: string;
  /** `paused` is what runc and crun say of a frozen container; the specification leaves it to the runtime. */
  status: 'creating' | 'created' | 'running' | 'stopped' | 'paused';
  /** The init process by this host's numbering; absent where there is none. */
  pid?: number;
  /** The directory that holds the container's configuration. */
  bundle: string;
  annotations: Record<string, string>;
}

/**
 * The state of a container in the form that OCI tools and hooks exchange.
 *
 * @throws LxcriError PlatformUnreachable for one that cannot be asked: the form has no word for "unknown".
 */
export function ociState({ container, status, initPid }: ContainerStatus): OciState {
  if (status === 'unreachable') throw unreachable(container);
  if (status === 'unknown') throw offline(container);
  const { id, name, platform, node, lock, lxc } = container;
  const ofLxc = lxc === undefined ? `${DEFAULT_LXCPATH}/${id}` : `${lxc.lxcpath}/${lxc.name}`;
  const bundle = container.docker?.directory ?? container.pod?.directory ?? ofLxc;
  return {
    ociVersion: OCI_VERSION,
    id,
    status: OCI_STATUS[status],
    ...(initPid === undefined ? {} : { pid: initPid }),
    bundle: isAbsolute(bundle) ? bundle : `/${bundle}`,
    annotations: annotated({ name, platform, node, lock, status }),
  };
}

const OCI_STATUS: Record<Exclude<Status, 'unreachable' | 'unknown'>, OciState['status']> = {
  running: 'running',
  frozen: 'paused',
  freezing: 'paused',
  starting: 'creating',
  stopping: 'running',
  aborting: 'stopped',
  stopped: 'stopped',
};

/** Our own keys, under the product's name, as the specification asks for. */
function annotated(facts: Record<string, string | undefined>): Record<string, string> {
  const known = Object.entries(facts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(known.map(([key, value]) => [`proxmox-lxcri.${key}`, value]));
}
