/** The method kubernetes, on real pods behind a real streaming server. */
import { hostname } from 'node:os';

import { needsKubernetes, startKubernetes } from '../support/kubernetes.ts';
import type { TestKubernetes, TestPod } from '../support/kubernetes.ts';
import { itFollowsTheContract } from './contract/run.ts';

describe('kubernetes', () => {
  let cluster: TestKubernetes;
  let pod: TestPod;

  before(async function () {
    this.timeout(120_000);
    needsKubernetes(this);
    cluster = await startKubernetes();
    pod = await cluster.createPod();
  });

  after(() => cluster?.stop());

  itFollowsTheContract({
    method: 'kubernetes',
    reference: () => `k8s:${pod.namespace}/${pod.name}/${pod.containers[0]}`,
    container: () => pod,
    environment: () => cluster.environment,
    holdsOutput: true,
    platform: {
      container: 'kubernetes',
      get HOSTNAME() {
        return hostname();
      },
    },
    // busybox has no other way to become a user than su, which takes names.
    gaps: ['unnamed-user'],
    inTurn: true,
    slowerByMs: 10_000,
    exceptions: {
      'any-name': /leads through a shell/,
      'exact-bytes': /valid UTF-8/,
      privileged: /no more privileges/,
    },
  });
});
