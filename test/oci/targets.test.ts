import { expect } from 'chai';

import { isLxcriError } from '../../src/model/errors.ts';
import { checkSelector, targetsOf } from '../../src/oci/targets.ts';
import type { PodsOf, Selector, Workload } from '../../src/oci/targets.ts';

const NOTHING: Selector = { resource: undefined, namespace: undefined, tasks: [], containers: [] };

/** A cluster in which every workload has these pods; and what it was asked for. */
function cluster(pods: readonly string[], namespace = 'shop'): { podsOf: PodsOf; asked: Workload[] } {
  const asked: Workload[] = [];
  const podsOf: PodsOf = async (workload) => {
    asked.push(workload);
    return { namespace, pods };
  };
  return { podsOf, asked };
}

async function targets(given: Partial<Selector>, pods: readonly string[] = [], forTerminal = false) {
  const { podsOf, asked } = cluster(pods);
  return { references: await targetsOf({ ...NOTHING, ...given }, { forTerminal }, podsOf), asked };
}

async function failure(given: Partial<Selector>, pods: readonly string[] = []): Promise<string> {
  try {
    const { references } = await targets(given, pods);
    return references.join(' ');
  } catch (error) {
    return isLxcriError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('the targets of a selector', () => {
  it('are each task with each container, in order, without asking a cluster', async () => {
    const { references, asked } = await targets({
      namespace: 'shop',
      tasks: ['web-1', 'web-0'],
      containers: ['app', 'proxy'],
    });
    expect(references).to.deep.equal([
      'k8s:shop/web-1/app',
      'k8s:shop/web-1/proxy',
      'k8s:shop/web-0/app',
      'k8s:shop/web-0/proxy',
    ]);
    expect(asked).to.deep.equal([]);
  });

  it('leave to the cluster what was not named', async () => {
    expect((await targets({ tasks: ['a', 'b.c'] })).references).to.deep.equal(['k8s:a', 'k8s:b.c']);
    expect((await targets({ tasks: ['a'], containers: ['c'] })).references).to.deep.equal(['k8s:/a/c']);
    expect((await targets({ namespace: 'n', tasks: ['a'] })).references).to.deep.equal(['k8s:n/a']);
  });

  it('are of no context that is named with them', async () => {
    for (const resource of ['k8s:n/web@prod', 'k8s:deploy:web@arn:aws:eks:x/y'])
      expect(await failure({ resource, containers: ['c'] })).to.match(/^UsageError: .* names a context/);
  });

  it('are each only once', async () => {
    const twice = { namespace: 'n', tasks: ['a', 'b', 'a'], containers: ['c', 'c'] };
    expect((await targets(twice)).references).to.deep.equal(['k8s:n/a/c', 'k8s:n/b/c']);
  });

  it('may be a pod that the CONTAINER word names, with its namespace and containers from flags', async () => {
    expect((await targets({ resource: 'k8s:web', namespace: 'n' })).references).to.deep.equal(['k8s:n/web']);
    expect((await targets({ resource: 'k8s:n/web', namespace: 'n' })).references).to.deep.equal(['k8s:n/web']);
    expect((await targets({ resource: 'k8s:/web/c', namespace: 'n' })).references).to.deep.equal(['k8s:n/web/c']);
    expect((await targets({ resource: 'k8s:n/web', containers: ['a', 'b'] })).references).to.deep.equal([
      'k8s:n/web/a',
      'k8s:n/web/b',
    ]);
  });

  describe('with a workload', () => {
    const resource = 'k8s:shop/deploy:web';
    const pods = ['web-a', 'web-b', 'web-c'];

    it('are all its pods, and for a terminal the first', async () => {
      const all = await targets({ resource }, pods);
      expect(all.references).to.deep.equal(['k8s:shop/web-a', 'k8s:shop/web-b', 'k8s:shop/web-c']);
      expect(all.asked).to.deep.equal([{ namespace: 'shop', kind: 'deploy', name: 'web' }]);
      expect((await targets({ resource }, pods, true)).references).to.deep.equal(['k8s:shop/web-a']);
    });

    it('are those of its pods that were named, also at a terminal', async () => {
      const named = { resource, tasks: ['web-c', 'web-a'], containers: ['app'] };
      const expected = ['k8s:shop/web-c/app', 'k8s:shop/web-a/app'];
      expect((await targets(named, pods)).references).to.deep.equal(expected);
      expect((await targets(named, pods, true)).references).to.deep.equal(expected);
    });

    it('are not pods of somebody else', async () => {
      expect(await failure({ resource, tasks: ['web-a', 'db-0'] }, pods)).to.equal(
        'ContainerNotFound: deploy:web has no running pod db-0 in the namespace shop',
      );
    });

    it('are in the namespace that the cluster says', async () => {
      const { references, asked } = await targets({ resource: 'k8s:sts:db' }, ['db-0']);
      expect(references).to.deep.equal(['k8s:shop/db-0']);
      expect(asked).to.deep.equal([{ namespace: undefined, kind: 'sts', name: 'db' }]);
      for (const kind of ['job', 'ds'])
        expect((await targets({ resource: `k8s:${kind}:db`, namespace: 'x' }, ['p'])).asked).to.deep.equal([
          { namespace: 'x', kind, name: 'db' },
        ]);
    });
  });

  it('are refused where words contradict each other, or name nothing', async () => {
    const cases: [Partial<Selector>, RegExp][] = [
      [{}, /^MissingContainerId: no pod was named$/],
      [{ namespace: 'n', containers: ['c'] }, /^MissingContainerId/],
      [{ resource: 'web', tasks: ['a'] }, /^UsageError: "web" is none of Kubernetes/],
      [{ resource: 'lxc:web', tasks: ['a'] }, /^UsageError: "lxc:web" is none of Kubernetes/],
      [{ resource: 'k8s:n/p', namespace: 'm' }, /^UsageError: --namespace "m" and "k8s:n\/p" contradict/],
      [{ resource: 'k8s:n/p', tasks: ['q'] }, /^UsageError: --task and "k8s:n\/p" contradict/],
      [{ resource: 'k8s:n/p/c', containers: ['d'] }, /^UsageError: --container and "k8s:n\/p\/c" contradict/],
      [{ resource: 'k8s:n/rs:p' }, /^UsageError: "k8s:n\/rs:p" names nothing/],
      [{ resource: 'k8s:n/deploy:p/c' }, /^UsageError: "k8s:n\/deploy:p\/c" names nothing/],
      [{ resource: 'k8s:a/b/deploy:p' }, /^UsageError.*names nothing/],
      [{ resource: 'k8s:n/deploy:a:b' }, /^UsageError.*names nothing/],
      [{ resource: 'k8s:n/p/c/d', containers: ['d'] }, /^UsageError.*names nothing/],
      [{ resource: 'k8s:n/deploy:' }, /^UsageError: "" cannot be the name of a deploy/],
      [{ namespace: 'N', tasks: ['a'] }, /^UsageError: "N" cannot be the name of a namespace/],
      [{ namespace: 'n', tasks: [''] }, /^UsageError: "" cannot be the name of a pod/],
      [{ namespace: 'n', tasks: ['../x'] }, /^UsageError: "..\/x" cannot be the name of a pod/],
      [{ namespace: 'n', tasks: ['a\u001b'] }, /^UsageError: "a\\u001b" cannot be the name of a pod/],
      [{ namespace: 'n', tasks: ['a'], containers: ['c.d'] }, /^UsageError: "c.d" cannot be the name of a container/],
      [{ namespace: 'a'.repeat(64), tasks: ['a'] }, /^UsageError/],
    ];
    for (const [given, expected] of cases) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await failure(given), JSON.stringify(given)).to.match(expected);
      expect(() => checkSelector({ ...NOTHING, ...given }), JSON.stringify(given)).to.throw();
    }
    checkSelector({ ...NOTHING, resource: 'k8s:n/deploy:web', tasks: ['a'] });
  });
});
