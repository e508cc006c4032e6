/** The method pct: a double of Proxmox VE's `pct`, which ends in the real lxc-attach, and the files of a node. */
import { expect } from 'chai';

import { createPctDouble } from '../support/pve/pct-double.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { DEFAULT_LXCPATH, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { runCli } from './contract/cli.ts';
import { resultOf } from './contract/result.ts';
import { itFollowsTheContract } from './contract/run.ts';

/** High, and different in each run: the container stands where Proxmox has it, beside whatever is there. */
const VMID = 800_000_000 + (process.pid % 100_000_000);

describe('pct', () => {
  let container: Container;
  let environment: Record<string, string>;

  before(async () => {
    const tree = createPveTree({ node: 'pve1', containers: [{ vmid: VMID, hostname: 'web' }] });
    const pct = createPctDouble({ pveDir: tree.dir });
    environment = { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${pct.bin}:${process.env['PATH']}` };
    container = await startContainer({ kind: 'busybox', name: String(VMID), lxcpath: DEFAULT_LXCPATH });
  });

  after(() => container.destroy());

  itFollowsTheContract({
    method: 'pct',
    reference: () => `pve:${VMID}`,
    container: () => container,
    environment: () => environment,
    exceptions: {
      environment: /environment values on its command line/,
      user: /cannot change the user/,
      privileged: /no elevated privileges/,
      'exact-bytes': /alters arguments that are not valid UTF-8/,
    },
  });

  it('is the method of the default chain, and a request it cannot carry goes on to lxc-attach', async () => {
    const words = (...flags: string[]) => ['exec', '--json', ...flags, 'web', '--', 'sh', '-c', 'echo "$A"'];
    const plain = resultOf(await runCli(words(), { env: environment }));
    expect(plain.method).to.equal('pct');
    expect(plain.container).to.deep.equal({ id: String(VMID), name: 'web', platform: 'proxmox', node: 'pve1' });
    const withVariable = resultOf(await runCli(words('-e', 'A=1'), { env: environment }));
    expect(withVariable.method).to.equal('lxc-attach');
    expect(withVariable.stdout).to.equal('1\n');
    expect(withVariable.attempts.map(({ method, outcome }) => `${method} ${outcome}`)).to.deep.equal([
      'proxmox-api skipped',
      'pct skipped',
      'lxc-attach used',
    ]);
  });
});
