/** A command whose connection, agent or guest goes away. */
import { expect } from 'chai';

import { assertNothingNew, snapshotProcesses, waitFor } from '../../support/lxc.ts';
import { needsGo } from '../../support/go.ts';
import { startGuestContainer } from '../../support/vsock/guest-container.ts';
import type { GuestContainer } from '../../support/vsock/guest-container.ts';
import { runCli, startCli } from '../contract/cli.ts';
import { resultOf } from '../contract/result.ts';

const CUTS = 12;
const OUTPUT_BYTES = 1024 * 1024;

describe('a command in a microVM that is cut off', () => {
  let guest: GuestContainer;

  before(async function () {
    needsGo(this);
    guest = await startGuestContainer();
  });

  after(() => guest?.stop());

  afterEach(() => guest?.vmm.behave({}));

  it(`is never a success, and never run twice, wherever the cut is (${CUTS} places)`, async () => {
    const { container, vmm, reference } = guest;
    const before = await snapshotProcesses(container);
    const outcomes = [];
    for (let index = 0; index < CUTS; index++) {
      // Most of what matters is said at the beginning.
      const place = Math.floor((index / CUTS) ** 4 * OUTPUT_BYTES) + index;
      const file = `/tmp/ran-${index}`;
      const script = `echo x >>${file}; head -c ${OUTPUT_BYTES} /dev/zero; sleep 100000`;
      vmm.behave({ diesAfter: place });
      // oxlint-disable-next-line no-await-in-loop -- one cut at a time
      const result = resultOf(await runCli(['exec', '--json', reference, '--', 'sh', '-c', script]));
      const { exitCode, error, started, connectionLost } = result;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await assertNothingNew(container, before);
      // oxlint-disable-next-line no-await-in-loop -- as above
      const ran = (await container.attach(['sh', '-c', `cat ${file} 2>/dev/null | wc -l`])).stdout.trim();
      outcomes.push({ place, exitCode, code: error?.code, started, connectionLost, ran: Number(ran) });
    }
    const wrong = outcomes.filter(({ exitCode, code, started, connectionLost, ran }) => {
      const isLost = exitCode === 255 && code === 'ConnectionLost' && started && connectionLost && ran <= 1;
      return !isLost && !(exitCode === 125 && !started && ran === 0);
    });
    expect(wrong, JSON.stringify(outcomes)).to.deep.equal([]);
    expect(outcomes.some(({ started }) => started) && outcomes.some(({ started }) => !started)).to.equal(true);
  });

  it('comes through whole, however slowly and in whatever pieces its connection carries it', async () => {
    for (const manner of [{ splitAnswer: true }, { gluedAnswer: true }, { trickle: 7 }]) {
      guest.vmm.behave(manner);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const result = resultOf(
        // oxlint-disable-next-line no-await-in-loop -- as above
        await runCli(['exec', '--json', guest.reference, '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], {
          stdin: 'input',
        }),
      );
      expect(result, JSON.stringify(manner)).to.deep.include({ stdout: 'input', stderr: 'err\n', exitCode: 3 });
    }
  });

  it('is lost when its agent is killed, and not known to have been ended', async () => {
    const cli = startCli(['exec', '--json', guest.reference, '--', 'sh', '-c', 'echo here; sleep 100001']);
    await waitFor(async () => /sleep 100001/.test((await guest.container.attach(['ps'])).stdout), {
      what: 'the command to run',
    });
    await guest.killAgent();
    const result = resultOf(await cli.ended);
    expect(result).to.deep.include({ exitCode: 255, stdout: 'here\n', started: true, connectionLost: true });
    expect(result.error?.code).to.equal('ConnectionLost');
    const none = resultOf(await runCli(['exec', '--json', guest.reference, '--', 'true']));
    expect([none.exitCode, none.started, none.error?.code]).to.deep.equal([125, false, 'PlatformUnreachable']);
    // Waits for its agent as for one of a guest that is still booting.
    const waiting = startCli(['exec', '--json', '--wait-for-agent', '60s', guest.reference, '--', 'echo', 'up']);
    await guest.startAgent();
    expect(resultOf(await waiting.ended)).to.deep.include({ exitCode: 0, stdout: 'up\n' });
  });
});
