/** The method vsock: the agent in a container, behind the socket of a VMM. */
import { needsGo } from '../support/go.ts';
import { startGuestContainer } from '../support/vsock/guest-container.ts';
import type { GuestContainer } from '../support/vsock/guest-container.ts';
import { itFollowsTheContract } from './contract/run.ts';

describe('vsock', () => {
  let guest: GuestContainer;

  before(async function () {
    needsGo(this);
    guest = await startGuestContainer();
  });

  after(() => guest?.stop());

  itFollowsTheContract({
    method: 'vsock',
    reference: () => guest.reference,
    container: () => guest.container,
    holdsOutput: true,
    reportsSignals: true,
    inTurn: true,
    slowerByMs: 5000,
    exceptions: {},
  });
});
