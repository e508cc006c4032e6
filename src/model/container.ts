import type { DockerAccess } from './engine.ts';
import type { PodAccess } from './pod.ts';
import type { ApiAccess, RemoteControl } from './remote.ts';

/** Where a container lives. */
export type Platform = 'proxmox' | 'lxc' | 'docker' | 'kubernetes' | 'microvm' | 'host';

/** A container that exists, as found on its platform. */
export interface Container {
  /** The identifier on its platform: a VMID on Proxmox, the name on plain LXC, NAMESPACE/POD/CONTAINER on Kubernetes. */
  readonly id: string;
  readonly name: string;
  readonly platform: Platform;
  /** The Proxmox node, where there is one. */
  readonly node?: string;
  /** How LXC on this host knows it; absent when it is not on this host. */
  readonly lxc?: LxcHandle;
  /** How its platform is asked about it over the network; absent when it is on this host. */
  readonly control?: RemoteControl;
  /** How commands get to it over the API of its cluster; absent when it is on this host. */
  readonly api?: ApiAccess;
  /** How its Docker engine is asked; absent when it is none of Docker's. */
  readonly docker?: DockerAccess;
  /** How its Kubernetes cluster is asked; absent when it is no pod's. */
  readonly pod?: PodAccess;
  /** How it is reached on another node; absent when it is on this host. */
  readonly remote?: RemoteHandle;
  /** The Proxmox configuration lock that holds it (`backup`, `migrate` ...). */
  readonly lock?: string;
  /** Whether it is a template of Proxmox: others are made of it, and it never runs. */
  readonly template?: boolean;
}

/** A container as `liblxc` addresses it. */
export interface LxcHandle {
  readonly name: string;
  readonly lxcpath: string;
  /** Its init process by this host's numbering, once it is known to run. */
  readonly initPid?: number | undefined;
}

/** A container on another Proxmox node. */
export interface RemoteHandle {
  readonly ssh: SshTarget;
  /** What the node has said of it; absent before it was asked. */
  readonly found?: {
    /** By the node's numbering. */
    readonly initPid: number | undefined;
    /** Which of `pct` and `lxc-attach` are there. */
    readonly tools: readonly string[];
  };
}

/** How ssh reaches a node. */
export interface SshTarget {
  /** As `ssh` takes it: a host of the user's ssh configuration, or USER@HOST. */
  readonly destination: string;
  /** Options of `ssh` before it. */
  readonly options: readonly string[];
  /** Whether the user there becomes root by `sudo -n`. */
  readonly sudo: boolean;
}

/** What a result says of the container. */
export interface ContainerIdentity {
  id: string;
  name: string;
  platform: Platform;
  /** The Proxmox node, where there is one. */
  node?: string;
}

/** The part of a container that results show. */
export function identityOf(container: Container): ContainerIdentity {
  const { id, name, platform, node } = container;
  return { id, name, platform, ...(node === undefined ? {} : { node }) };
}
