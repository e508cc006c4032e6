/** The method lxc-attach, on real containers. */
import { expect } from 'chai';

import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { runCli } from './contract/cli.ts';
import { itFollowsTheContract } from './contract/run.ts';

for (const unprivileged of [false, true]) {
  describe(`lxc-attach, in ${unprivileged ? 'an unprivileged' : 'a privileged'} container`, () => {
    let container: Container;

    before(async () => {
      // One capability less than commands have with elevated privileges.
      container = await startContainer({ kind: 'busybox', unprivileged, config: ['lxc.cap.drop = mknod'] });
    });

    after(() => container.destroy());

    itFollowsTheContract({
      method: 'lxc-attach',
      reference: () => container.name,
      container: () => container,
      ...(unprivileged ? { inTurn: true } : {}),
      exceptions: { 'any-name': /leads through a shell/ },
    });

    it('gives capabilities that the container lacks only with --privileged', async () => {
      const MKNOD = 27n;
      const hasCapability = async (flags: readonly string[]): Promise<boolean> => {
        const { stdout } = await runCli(['exec', ...flags, container.name, '--', 'cat', '/proc/self/status']);
        const set = /^CapEff:\s+([0-9a-f]+)$/m.exec(stdout.toString())?.[1];
        return ((BigInt(`0x${set}`) >> MKNOD) & 1n) === 1n;
      };
      expect(await hasCapability([])).to.equal(false);
      expect(await hasCapability(['--privileged'])).to.equal(true);
    });
  });
}
