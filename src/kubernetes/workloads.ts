import { LxcriError } from '../model/errors.ts';
import type { ClusterClient } from '../model/pod.ts';
import { noKubernetes, refused } from './failures.ts';
import { podsIn } from './pods.ts';

/** What of the API a kind of workload is. */
const RESOURCES = {
  deploy: 'apps/v1/namespaces/*/deployments',
  sts: 'apps/v1/namespaces/*/statefulsets',
  ds: 'apps/v1/namespaces/*/daemonsets',
  job: 'batch/v1/namespaces/*/jobs',
} as const;

export type WorkloadKind = keyof typeof RESOURCES;

/** (k8s.io/apimachinery, LabelSelector) */
interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>> | null;
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] | null }[]
    | null;
}

/**
 * The pods of a workload that run now.
 *
 * @param namespace Default: that of the current context.
 * @returns their names, sorted; at least one.
 * @throws LxcriError ContainerNotFound, ContainerNotRunning, PermissionDenied, and as the client's own.
 */
export async function podsOfWorkload(
  cluster: ClusterClient,
  kind: WorkloadKind,
  name: string,
  namespace = cluster.namespace,
  abort?: AbortSignal,
): Promise<{ readonly namespace: string; readonly pods: readonly string[] }> {
  const path = `/apis/${RESOURCES[kind].replace('*', namespace)}/${name}`;
  const answer = await cluster.request('GET', path, undefined, abort);
  if (answer.status === 404)
    throw new LxcriError(
      'ContainerNotFound',
      `no ${kind}:${name} in the namespace ${namespace} (looked in the Kubernetes cluster at ${cluster.name})`,
      `see: kubectl get ${kind} -n ${namespace}`,
    );
  if (answer.status !== 200)
    throw refused(answer, cluster.name, `look at ${kind}:${name} in the namespace ${namespace}`);
  const { spec } = (answer.body ?? {}) as { spec?: { selector?: Selector | null } };
  if (spec === undefined) throw noKubernetes(cluster.name);
  const selector = encodeURIComponent(selectorText(spec.selector ?? {}));
  const list = await cluster.request(
    'GET',
    `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`,
    undefined,
    abort,
  );
  if (list.status !== 200) throw refused(list, cluster.name, `list the pods of the namespace ${namespace}`);
  const pods = podsIn(list, cluster.name)
    .filter(({ metadata, status }) => status.phase === 'Running' && !metadata.deletionTimestamp)
    .map(({ metadata }) => metadata.name)
    .toSorted();
  if (pods.length > 0) return { namespace, pods };
  throw new LxcriError(
    'ContainerNotRunning',
    `${kind}:${name} in the namespace ${namespace} has no running pod`,
    `see: kubectl describe ${kind} -n ${namespace} ${name}`,
  );
}

/** As the API takes it (kubernetes.io/docs: Labels and Selectors). One that is empty would select all pods. */
function selectorText({ matchLabels, matchExpressions }: Selector): string {
  const labels = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
  });
  const text = [...labels, ...expressions].join(',');
  if (text !== '') return text;
  throw new LxcriError('OperationFailed', 'the workload does not say which pods it has', 'name the pods with --task');
}
