import type { ContainerIdentity } from './container.ts';
import type { Status } from './status.ts';

/** A process of a container, with ids as they are inside. What there is not is `null`. */
export interface ContainerProcess {
  pid: number;
  /** 0 for the container's init, and for what was attached from outside. */
  parentPid: number;
  /** By this host's numbering. */
  hostPid: number;
  /** The name that the container has for the user; `null` where it has none, or was not asked. */
  user: string | null;
  /** Effective ids; `null` for an id of this host that is outside the container's. */
  uid: number | null;
  gid: number | null;
  hostUid: number;
  hostGid: number;
  /** R, S, D, Z, T ... as ps(1) shows them. */
  state: string;
  /** `pts/3`, `tty1` ... */
  terminal: string | null;
  threads: number;
  /** Time on a processor for each time since its start, as ps(1) has it: 100 is one processor, always. */
  cpuPercent: number;
  cpuMs: number;
  /** Resident memory. */
  memoryBytes: number;
  /** ISO 8601, UTC. */
  startedAt: string;
  elapsedMs: number;
  /** Its words joined by spaces; the program's name in brackets where it has none. */
  command: string;
  /** Bytes that are not UTF-8 are U+FFFD. */
  args: string[];
  /** The command line is longer than what is shown. */
  argsTruncated: boolean;
}

/** The processes inside one container. */
export interface ContainerProcesses {
  container: ContainerIdentity;
  status: Status;
  /** By rising pid. */
  processes: ContainerProcess[];
}
