import { expect } from 'chai';

import { clusterOf } from '../../src/kubernetes/cluster.ts';
import { findPod, listPods } from '../../src/kubernetes/pods.ts';
import { startContainer } from '../../src/oci/lifecycle/start.ts';
import { killContainer } from '../../src/oci/lifecycle/kill.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
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

describe('a pod that is to be started, ended, or sent a signal', () => {
  it('is not waited for while it does not run: the cluster says what becomes of it', async () => {
    const pod = podNamed('pod', { status: { phase: 'Pending', containerStatuses: [] } });
    const server = await startFakeServer({ pod });
    const inventory = { lxcpaths: [], pve: new NodeConfig('/dev/null'), kubernetes: server.environment };
    const said = (attempt: Promise<unknown>): Promise<unknown> => attempt.catch((error: unknown) => error);
    try {
      expect(await said(startContainer(inventory, 'k8s:pod', { timeoutMs: 600_000 }))).to.deep.include({
        code: 'NoMethodAvailable',
        hint: 'see: kubectl scale, kubectl rollout restart; what keeps it from running: kubectl describe pod -n web pod',
      });
      for (const signal of ['SIGKILL', 'SIGHUP'] as const)
        expect(await said(killContainer(inventory, 'k8s:pod', signal)))
          .to.have.property('message')
          .that.matches(/^a container of a pod is ended by Kubernetes alone/);
    } finally {
      await server.stop();
    }
  });

  it('is left alone where it runs', async () => {
    const server = await startFakeServer();
    const inventory = { lxcpaths: [], pve: new NodeConfig('/dev/null'), kubernetes: server.environment };
    try {
      expect(await startContainer(inventory, 'k8s:pod')).to.deep.include({ status: 'running', changed: false });
    } finally {
      await server.stop();
    }
  });
});
