/** What docs/remote-nodes.md tells people to type, typed. */
import { dirname } from 'node:path';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { run, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';
import { Recipes, adapted } from '../support/recipes.ts';

const VMID = 510_000_000 + (process.pid % 100_000_000);
const HEADING = 'Containers of other nodes';
const UPTIME = /load average/;

describe('docs/remote-nodes.md', () => {
  const recipes = new Recipes('docs/remote-nodes.md');
  let cluster: SshCluster;
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox', name: String(VMID) });
    cluster = await startSshCluster({ nodes: { pve2: [{ vmid: VMID, hostname: 'web' }] } });
  });

  after(async () => {
    await cluster?.stop();
    await container?.destroy();
  });

  async function typed(environment: Record<string, string>, words: Record<string, string>): Promise<string> {
    const script = adapted(recipes.take(HEADING, 'sh'), words);
    const env = { ...environment, PATH: `${dirname(CLI)}:${environment['PATH']}` };
    const done = await run(['sh', '-e', '-c', script], { cwd: '/', env });
    expect([done.exitCode, done.stderr], script).to.deep.equal([0, '']);
    return done.stdout;
  }

  it('exec by the container, on a node', async () => {
    expect(await typed(cluster.environment, { 201: String(VMID) })).to.match(UPTIME);
  });

  it('exec by the node, anywhere', async () => {
    const said = await typed(cluster.laptop, { 201: String(VMID) });
    expect(said.match(new RegExp(UPTIME, 'g'))).to.have.length(2);
  });

  it('has nothing else', () => {
    expect(recipes.left()).to.deep.equal([]);
  });
});
