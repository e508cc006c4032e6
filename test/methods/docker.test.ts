/** The method docker, on a real engine. */
import { readFileSync } from 'node:fs';

import { needsDocker, startEngine } from '../support/docker/engine.ts';
import type { DockerContainer, TestEngine } from '../support/docker/engine.ts';
import { itFollowsTheContract } from './contract/run.ts';

/** `--privileged` gives what there is, and Docker refuses to give less than all. */
function hasAllCapabilities(): boolean {
  const set = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  const last = BigInt(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1'));
  return BigInt(`0x${set}`) === (1n << (last + 1n)) - 1n;
}

describe('docker', () => {
  let engine: TestEngine;
  let container: DockerContainer;

  before(async function () {
    needsDocker(this);
    engine = await startEngine();
    container = await engine.run();
  });

  after(() => engine?.stop());

  itFollowsTheContract({
    method: 'docker',
    reference: () => `docker:${container.id}`,
    container: () => container,
    environment: () => engine.environment,
    holdsOutput: true,
    platform: {
      container: 'docker',
      get HOSTNAME() {
        return container.id.slice(0, 12);
      },
    },
    // runc enters it before it becomes the user.
    gaps: ['entered-as-user', ...(hasAllCapabilities() ? [] : (['all-capabilities'] as const))],
    inTurn: true,
    slowerByMs: 5000,
    exceptions: { 'exact-bytes': /valid UTF-8/ },
  });
});
