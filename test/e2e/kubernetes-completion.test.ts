/** What completion finds in a cluster of Kubernetes, and that it neither asks nor waits. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { podNamed, startFakeServer } from '../kubernetes/fake-server.ts';
import type { FakeServer } from '../kubernetes/fake-server.ts';
import { runCli } from '../methods/contract/cli.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('completion in a Kubernetes cluster', () => {
  let server: FakeServer;
  let isBroken = false;

  before(async () => {
    const answer = (_method: string, path: string): { status: number; body: object } | undefined => {
      if (isBroken) return { status: 500, body: {} };
      const [, namespace = ''] = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/.exec(path) ?? [];
      const pods = namespace === '' ? undefined : [podNamed(`${namespace}-1`), podNamed('$(id)')];
      return pods && { status: 200, body: { items: pods } };
    };
    server = await startFakeServer({ answer });
  });

  after(() => server?.stop());
  beforeEach(() => (isBroken = false));

  const ask = async (words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const done = await runCli(['__complete', ...words], {
      env: { PROXMOX_LXCRI_CONTEXTS: '/dev/null', ...server.environment, ...env },
    });
    expect([done.exitCode, done.stderr.toString()]).to.deep.equal([0, '']);
    return done.stdout.toString();
  };

  for (const kind of ['containers', 'containers-of-nodes', 'targets'])
    it(`is its pods, once they are asked for: ${kind}`, async () => {
      expect(await ask([kind, 'k8s:', '', ''])).to.equal('k8s:web-1\trunning\n');
      expect(await ask([kind, 'k8s:shop/sh', '', ''])).to.equal('k8s:shop/shop-1\trunning\n');
      expect(await ask([kind, 'k8s:', 'prod', ''])).to.equal('');
      expect(await ask([kind, 'k8s:', '', '', 'shop'])).to.equal('k8s:shop-1\trunning\n');
      expect(await ask([kind, 'k8s:shop/', '', '', 'shop'])).to.equal('k8s:shop/shop-1\trunning\n');
      expect(await ask([kind, 'k8s:/', '', '', 'shop'])).to.equal('k8s:/shop-1\trunning\n');
      expect(await ask([kind, 'x', '', ''])).not.to.include('k8s:');
    });

  it('is nothing where something is wrong', async () => {
    expect(await ask(['containers', 'k8s:../x/', '', ''])).to.equal('');
    expect(await ask(['containers', 'k8s:', '', ''], { KUBECONFIG: '/nonexistent' })).to.equal('');
    expect(await ask(['containers', 'docker:', '', ''], { DOCKER_HOST: 'unix:///nonexistent' })).to.equal('');
    isBroken = true;
    expect(await ask(['containers', 'k8s:', '', ''])).to.equal('');
  });

  it('runs no program', async () => {
    const directory = scratchDirectory();
    const [ran, kubeconfig] = [join(directory, 'ran'), join(directory, 'config')];
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: [ran] };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: server.url } }],
        users: [{ name: 'u', user: { exec } }],
      }),
    );
    expect(await ask(['containers', 'k8s:', '', ''], { KUBECONFIG: kubeconfig })).to.equal('');
    expect(existsSync(ran)).to.equal(false);
  });
});
