/** The method vsock: the agent in a guest with a kernel of its own, over real vsock. */
import { guestAgent } from '../../scripts/guest-agent.ts';
import { startObservedMicroVm } from '../support/microvm/observed.ts';
import type { ObservedMicroVm } from '../support/microvm/observed.ts';
import { needsMicroVm } from '../support/microvm/needs.ts';
import { itFollowsTheContract } from './contract/run.ts';

describe('vsock, in a booted guest', () => {
  let guest: ObservedMicroVm;

  before(async function () {
    needsMicroVm(this);
    guest = await startObservedMicroVm({ agent: guestAgent() });
  });

  after(() => guest?.stop());

  itFollowsTheContract({
    method: 'vsock',
    reference: () => `vsock:${guest.hybridSocket}`,
    container: () => guest.inside,
    // Nobody there says that it is a container.
    platform: {},
    holdsOutput: true,
    reportsSignals: true,
    inTurn: 'other',
    // A guest is slow: it is an ordinary program, whose every system call is another one's.
    slowerByMs: 20_000,
    exceptions: {},
  });
});
