import { expect } from 'chai';

import { clusterOf } from '../../src/kubernetes/cluster.ts';
import { KubernetesClient } from '../../src/kubernetes/client.ts';
import { findPod, listPods } from '../../src/kubernetes/pods.ts';
import { podsOfWorkload } from '../../src/kubernetes/workloads.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import { startFakeServer } from './fake-server.ts';

async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return 'none';
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe('a server that is no Kubernetes API', () => {
  for (const body of [{ kind: 'x' }, '<html>', null, { items: [{}] }, { metadata: { name: 'pod' } }])
    it(`is told by its answer: ${JSON.stringify(body)}`, async () => {
      const server = await startFakeServer({ answer: () => ({ status: 200, body: body as object }) });
      try {
        const cluster = await clusterOf(server.environment);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        for (const ask of [
          () => findPod(cluster, 'web/pod'),
          () => listPods(cluster),
          () => podsOfWorkload(cluster, 'deploy', 'web'),
        ])
          expect(await codeOf(ask)).to.match(/^PlatformUnreachable: .*is no Kubernetes API$/);
        cluster.close();
      } finally {
        await server.stop();
      }
    });
});

describe('certificates that are none', () => {
  for (const [what, parts, reason] of [
    ['an authority', { ca: 'garbage' }, /certificate-authority-data/],
    ['a client certificate', { identity: { cert: 'garbage', key: 'secret-key' } }, /client certificate or key/],
  ] as const)
    it(`are told: ${what}`, async () => {
      const config = {
        server: new URL('https://one.example'),
        namespace: 'web',
        ca: undefined,
        serverName: undefined,
        identity: {},
      };
      const said = await codeOf(() => new KubernetesClient({ ...config, ...parts }));
      expect(said)
        .to.match(/^ConfigError: /)
        .and.to.match(reason);
      expect(said).not.to.contain('secret');
    });
});
