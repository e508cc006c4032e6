/** The cluster of the recordings: its users, its tokens, its containers. */
import { writeFileSync } from 'node:fs';
import { type Cluster, type ClusterOptions, createCluster } from '../pve/api/cluster.ts';

export const TOTP_SECRET = 'JBSWY3DPEHPK3PXP';
export const PASSWORD = 'secret123';

const USERS: ClusterOptions['users'] & object = {
  'root@pam': { password: PASSWORD, tokens: { full: { secret: '5d296aa4-6a7d-4c0a-8c6a-5672fd9730e2' } } },
  'ops@pve': {
    password: PASSWORD,
    acl: { '/': 'PVEVMAdmin' },
    tokens: {
      full: { secret: 'fee8f2c1-4a2f-4a7b-882c-c611e17fbf27' },
      nopriv: { secret: '5064c17a-8a9c-463d-979a-28768a7375de', acl: {} },
    },
  },
  'ro@pve': { acl: { '/': 'PVEAuditor' }, tokens: { full: { secret: '9a85071c-2c8f-4333-a388-6098fe5cf31e' } } },
  'tfa@pve': { password: PASSWORD, acl: { '/': 'PVEAdmin' }, secondFactor: { totpSecret: TOTP_SECRET } },
};

const CONFIGURATION = [
  'arch: amd64',
  'cmode: shell',
  'cores: 1',
  'hostname: ct101',
  'memory: 512',
  'ostype: unmanaged',
  'rootfs: local:101/vm-101-disk-0.raw,size=1G',
  'swap: 0',
  '',
].join('\n');

/** busybox with a getty on its first terminal, as the recorded container had. */
const WITH_GETTY = {
  kind: 'busybox',
  lxcConfig: ['lxc.tty.max = 1'],
  files: { '/etc/inittab': '::sysinit:/bin/true\ntty1::respawn:/sbin/getty 38400 tty1\n' },
} as const;

/** @param otherNode whether the second node is a member that is gone, or a name that leads nowhere. */
export async function createLab(otherNode: 'unknown' | 'gone', options: ClusterOptions = {}): Promise<Cluster> {
  const lab = await createCluster({
    nodes: otherNode === 'gone' ? ['vm', 'othernode'] : ['vm'],
    users: USERS,
    containers: [
      { vmid: 101, running: true, cmode: 'shell', ...WITH_GETTY },
      { vmid: 102, cmode: 'tty', kind: 'busybox' },
      { vmid: 202, node: 'othernode' },
    ],
    ...options,
  });
  writeFileSync(lab.node('vm').tree.configPath(101), CONFIGURATION);
  if (otherNode === 'gone') await lab.setNodeOffline('othernode');
  return lab;
}
