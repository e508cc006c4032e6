import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';

import { EXIT } from '../model/exit-codes.ts';
import { CHANNEL_FD } from '../oci/detached/start.ts';
import { superviseExecution } from '../oci/detached/supervise.ts';
import type { startExecution } from '../oci/execution.ts';
import { clustersOf } from './inventory.ts';
import { say } from './messages.ts';
import { forwardSignals } from './signals.ts';

/**
 * `proxmox-lxcri supervise`: the process that `exec --detach` leaves behind.
 *
 * @param start handed in, because it is in the bundle of the program itself.
 */
export async function supervise(start: typeof startExecution): Promise<number> {
  if (!isSocket(CHANNEL_FD)) {
    say('UsageError: "supervise" is a part of "exec --detach" and cannot be called; see: proxmox-lxcri exec --help');
    return EXIT.notStarted;
  }
  await superviseExecution({
    channel: new Socket({ fd: CHANNEL_FD }),
    start,
    clusters:
      ({ context, stateDirectory }) =>
      () =>
        clustersOf(stateDirectory, { context }),
    forwardSignals,
  });
  return 0;
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
