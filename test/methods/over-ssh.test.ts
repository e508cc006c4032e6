/** The methods pct and lxc-attach on another node, over a real sshd. */
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';
import { itFollowsTheContract } from './contract/run.ts';

/** High, and different in each run: the container stands where Proxmox has it, beside whatever is there. */
const VMID = 600_000_000 + (process.pid % 100_000_000);

describe('on another node, over ssh', () => {
  let cluster: SshCluster;
  let container: Container;

  before(async () => {
    cluster = await startSshCluster({ nodes: { pve2: [{ vmid: VMID, hostname: 'web' }] } });
    container = await startContainer({ kind: 'busybox', name: String(VMID), config: ['lxc.cap.drop = mknod'] });
  });

  after(async () => {
    await container.destroy();
    await cluster.stop();
  });

  const common = {
    reference: () => String(VMID),
    container: () => container,
    environment: () => cluster.environment,
    holdsOutput: true as const,
    inTurn: true as const,
  };

  describe('lxc-attach', () => {
    itFollowsTheContract({ ...common, method: 'lxc-attach', exceptions: { 'any-name': /leads through a shell/ } });
  });

  describe('pct', () => {
    itFollowsTheContract({
      ...common,
      method: 'pct',
      exceptions: {
        environment: /environment values on its command line/,
        user: /cannot change the user/,
        privileged: /no elevated privileges/,
        'exact-bytes': /alters arguments that are not valid UTF-8/,
      },
    });
  });
});
