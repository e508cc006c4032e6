/** Real LXC containers for the tests; see container/ and rootfs/ for how. */
export type { Container, ContainerOptions } from './container/container.ts';
export { createContainer, startContainer } from './container/container.ts';
export type { ContainerFile, ContainerFiles } from './container/files.ts';
export type { Inhabited, ProcessSnapshot } from './container/leftovers.ts';
export {
  assertNothingNew,
  endProcess,
  processesIn,
  processesMatching,
  processesSince,
  snapshotProcesses,
} from './container/leftovers.ts';
export { DEFAULT_LXCPATH } from './places.ts';
export type { ProcessInfo } from './proc.ts';
export type { Kind } from './rootfs/kinds.ts';
export { KINDS } from './rootfs/kinds.ts';
export { ID_BASE } from './rootfs/shift.ts';
export type { Argv, RunOptions, RunResult } from './run.ts';
export { run } from './run.ts';
export { scratchDirectory } from './scratch.ts';
export { waitFor } from './wait-for.ts';
