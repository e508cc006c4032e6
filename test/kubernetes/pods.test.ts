import { expect } from 'chai';

import { clusterOf } from '../../src/kubernetes/cluster.ts';
import { findPod, listPods } from '../../src/kubernetes/pods.ts';
import { podNamed, startFakeServer } from './fake-server.ts';

const ANNOTATION = 'kubectl.kubernetes.io/default-container';

describe('the container of a pod that is meant', () => {
  it('is never another than the one that its annotation names', async () => {
    const pod = podNamed('pod', { metadata: { annotations: { [ANNOTATION]: 'gone' } } });
    const server = await startFakeServer({ pod });
    try {
      const cluster = await clusterOf(server.environment);
      const said = await findPod(cluster, 'web/pod').then(
        () => 'found',
        (error: Error) => error.message,
      );
      expect(said).to.match(/^pod web\/pod has no container "gone", which its annotation/);
      expect((await findPod(cluster, 'web/pod/side')).id).to.equal('web/pod/side');
      expect((await listPods(cluster)).map(({ status }) => status)).to.deep.equal(['running']);
      cluster.close();
    } finally {
      await server.stop();
    }
  });
});
