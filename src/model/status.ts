import type { Container, Platform } from './container.ts';

/**
 * What a container is doing, in LXC's words.
 * `unreachable`: its monitor runs, but cannot be asked from here. `unknown`: its node is offline.
 */
export const STATUSES = [
  'running',
  'frozen',
  'stopped',
  'starting',
  'stopping',
  'aborting',
  'freezing',
  'unreachable',
  'unknown',
] as const;

/** What a container is doing. */
export type Status = (typeof STATUSES)[number];

/** A container, and what it is doing now. */
export interface ContainerStatus {
  readonly container: Container;
  readonly status: Status;
  /** Its init process by this host's numbering, while it has one. */
  readonly initPid: number | undefined;
}

/** A container as lists show it. What there is not is `null`. */
export interface ContainerSummary {
  /** What other commands take for this container and no other: its id where that is enough. */
  reference: string;
  id: string;
  name: string;
  platform: Platform;
  /** A container of LXC or Docker, a virtual machine of Proxmox, or a pod of Kubernetes. */
  type: 'lxc' | 'qemu' | 'docker' | 'pod';
  /** The context of the cluster that was asked; `null` for this host. */
  context: string | null;
  /** The Proxmox node. */
  node: string | null;
  status: Status;
  /** The init process by this host's numbering. */
  pid: number | null;
  /** ISO 8601, UTC. */
  startedAt: string | null;
  /** The lock of its Proxmox configuration. */
  lock: string | null;
  /** Proxmox's tags; empty where they are not known. */
  tags: string[];
  /** Proxmox's resource pool. */
  pool: string | null;
  /** The directory that LXC keeps it in. */
  lxcpath: string | null;
}
