/** Commands of a library that stays, against a client that is started for each. */
import { setImmediate } from 'node:timers/promises';

import { startExecution } from '../../src/oci/execution.ts';
import type { HostInventory } from '../../src/oci/locate.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { judged, row } from './report.ts';
import { timeOf } from './run.ts';
import type { Argv } from './run.ts';
import { median } from './statistics.ts';
import type { Bench } from './subject.ts';

/** Who else runs `true` in the same container. */
export interface LibraryPeer {
  readonly name: string;
  readonly argv: Argv;
}

/** Measures each further `true` in a container that is not of LXC. */
export async function compareLibrary({ quick, signal }: Bench, reference: string, peer: LibraryPeer): Promise<void> {
  const inventory: HostInventory = { lxcpaths: [], pve: new NodeConfig('/dev/null') };
  const own: number[] = [];
  const others: number[] = [];
  for (let round = quick ? -1 : -3; round < (quick ? 3 : 60); round++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
    await setImmediate(undefined, { signal });
    const start = performance.now();
    // oxlint-disable-next-line no-await-in-loop
    const { exitCode, error } = await startExecution(inventory, reference, ['true']).result;
    const elapsed = performance.now() - start;
    if (exitCode !== 0) throw new Error(`${reference} ended with ${exitCode}: ${error?.message}`);
    const other = timeOf(peer.argv);
    if (round < 0) continue;
    own.push(elapsed);
    others.push(other);
  }
  row('each further one of a library', `${median(own).toFixed(1)} ms`);
  judged(`each further one / ${peer.name}`, median(own) / median(others), { atMost: 1 });
}
