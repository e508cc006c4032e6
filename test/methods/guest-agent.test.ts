/** The method guest-agent: commands in virtual machines, over the API of Proxmox VE. */
import type { Container } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { USERS } from '../proxmox/api/clients.ts';
import { contextEnvironment } from '../support/pve/api/context.ts';
import { itFollowsTheContract } from './contract/run.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'app:x:1000:1000::/home/app:/bin/sh',
  'nobody:x:65534:65534::/:/bin/false',
  '',
].join('\n');

describe('guest-agent', () => {
  let cluster: Cluster;
  let environment: Record<string, string>;
  const guest = (): Container => cluster.container(300);

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      machines: [{ vmid: 300, name: 'vm', running: true, kind: 'debian', files: { '/etc/passwd': PASSWD } }],
      users: USERS,
      settings: { refusalMs: 300 },
    });
    environment = contextEnvironment(cluster);
  });

  after(() => cluster?.close());

  itFollowsTheContract({
    method: 'guest-agent',
    reference: () => 'vm:300',
    container: guest,
    environment: () => environment,
    holdsOutput: true,
    reportsSignals: true,
    platform: {},
    // The input goes there with the start, the output comes back after the end, and nothing there notices our own end.
    gaps: ['large-input', 'open-input', 'streamed-output', 'end-with-us', 'static-programs'],
    inTurn: true,
    slowerByMs: 20_000,
    exceptions: {
      'any-name': /leads through a shell/,
      terminal: /gives no terminal/,
      privileged: /no elevated privileges/,
    },
  });
});
