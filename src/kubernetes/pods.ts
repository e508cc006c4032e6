import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { ClusterAnswer, ClusterClient } from '../model/pod.ts';
import type { PowerEnd, RemoteControl } from '../model/remote.ts';
import type { ContainerSummary, Status } from '../model/status.ts';
import { noKubernetes, refused } from './failures.ts';
import { checkNamespace, podName } from './names.ts';
import { wordsOf } from './status.ts';

/** What we read of a pod (k8s.io/api, core/v1). */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly annotations?: Readonly<Record<string, string>> | null;
    readonly deletionTimestamp?: string | null;
  };
  readonly spec: {
    readonly containers: readonly { readonly name: string }[];
    readonly initContainers?: readonly { readonly name: string }[] | null;
    readonly ephemeralContainers?: readonly { readonly name: string }[] | null;
  };
  readonly status: {
    readonly phase?: string;
    readonly startTime?: string | null;
    readonly reason?: string;
    readonly containerStatuses?: readonly ContainerStatus[] | null;
    readonly initContainerStatuses?: readonly ContainerStatus[] | null;
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[] | null;
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: {
    readonly running?: object | null;
    readonly waiting?: { readonly reason?: string; readonly message?: string } | null;
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number } | null;
  } | null;
}

/** Says which container is meant where none is named (kubernetes.io/docs, reference/labels-annotations-taints). */
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** How many names are told where one is not there. */
const MAX_NAMES = 20;

export function podPath(namespace: string, pod: string): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod}`;
}

/**
 * Finds a container of a pod.
 *
 * @param text what stands behind `k8s:`.
 * @throws LxcriError ContainerNotFound, PermissionDenied, UsageError, and as the client's own; the reason of `abort`.
 */
export async function findPod(cluster: ClusterClient, text: string, abort?: AbortSignal): Promise<Container> {
  const named = podName(text);
  const place = named.namespace ?? cluster.namespace;
  // Both at once: the second connection is for what is asked while the first one carries a command.
  const access = accessReview(cluster, place, named.pod, abort);
  access.catch(() => {});
  let known: Pod | undefined = await getPod(cluster, place, named.pod, abort);
  const container = chosenContainer(known, named.container);
  const directory = `/var/lib/kubelet/pods/${known.metadata.uid ?? ''}`;
  const look = async (signal: AbortSignal | undefined): Promise<Pod> => {
    // What has just been said need not be asked again.
    const now = known ?? (await getPod(cluster, place, named.pod, signal));
    known = undefined;
    return now;
  };
  return {
    id: `${place}/${named.pod}/${container}`,
    name: named.pod,
    platform: 'kubernetes',
    control: controlOf(look, container, () => access),
    pod: { cluster, namespace: place, pod: named.pod, container, directory },
  };
}

async function getPod(
  cluster: ClusterClient,
  namespace: string,
  pod: string,
  abort: AbortSignal | undefined,
): Promise<Pod> {
  const answer = await cluster.request('GET', podPath(namespace, pod), undefined, abort);
  if (answer.status === 200) {
    if (isPod(answer.body)) return answer.body;
    throw noKubernetes(cluster.name);
  }
  if (answer.status !== 404) throw refused(answer, cluster.name, `look at pod ${namespace}/${pod}`);
  throw new LxcriError(
    'ContainerNotFound',
    `no pod ${pod} in the namespace ${namespace} (looked in the Kubernetes cluster at ${cluster.name})`,
    await whatIsThere(cluster, namespace, abort),
  );
}

function isPod(body: unknown): body is Pod {
  const { metadata, spec, status } = (body ?? {}) as Partial<Pod>;
  return typeof metadata?.name === 'string' && Array.isArray(spec?.containers) && typeof status === 'object';
}

/**
 * The pods of an answer that is a list of them.
 *
 * @throws LxcriError PlatformUnreachable where it is none.
 */
export function podsIn({ body }: ClusterAnswer, server: string): readonly Pod[] {
  const { items } = (body ?? {}) as { items?: unknown };
  if (Array.isArray(items) && items.every(isPod)) return items;
  throw noKubernetes(server);
}

async function whatIsThere(cluster: ClusterClient, namespace: string, abort: AbortSignal | undefined): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods?limit=${MAX_NAMES + 1}`;
  const answer = await cluster.request('GET', path, undefined, abort);
  const names = answer.status === 200 ? podsIn(answer, cluster.name).map(({ metadata }) => metadata.name) : [];
  if (names.length === 0) return `see: kubectl get pods -n ${namespace}`;
  return `its pods: ${names.slice(0, MAX_NAMES).join(', ')}${names.length > MAX_NAMES ? ', ...' : ''}`;
}

/** The one that is named; else, as `kubectl` has it, the one of the annotation, or the first. */
function chosenContainer(pod: Pod, named: string | undefined): string {
  const { metadata, spec } = pod;
  const own = spec.containers.map(({ name }) => name);
  const others = [...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])].map(({ name }) => name);
  if (named !== undefined) {
    if ([...own, ...others].includes(named)) return named;
    throw new LxcriError(
      'ContainerNotFound',
      `pod ${metadata.namespace}/${metadata.name} has no container ${named}`,
      `it has: ${[...own, ...others].join(', ')}`,
    );
  }
  return markedContainer(pod) ?? own[0] ?? '';
}

/**
 * @throws LxcriError ContainerNotFound where there is none of the name: `kubectl` takes the first then, with a warning, and a
 *   command would run where nobody wants it.
 */
function markedContainer({ metadata, spec }: Pod): string | undefined {
  const marked = metadata.annotations?.[DEFAULT_CONTAINER];
  if (marked === undefined || spec.containers.some(({ name }) => name === marked)) return marked;
  throw new LxcriError(
    'ContainerNotFound',
    `pod ${metadata.namespace}/${metadata.name} has no container ${JSON.stringify(marked)}, which its annotation ${DEFAULT_CONTAINER} names`,
    `name one behind the pod: ${spec.containers.map(({ name }) => name).join(', ')}`,
  );
}

/**
 * Asks the cluster whether we may run commands in a pod.
 *
 * @returns why not; `undefined` where we may, or nobody says.
 */
async function accessReview(
  cluster: ClusterClient,
  namespace: string,
  name: string,
  abort: AbortSignal | undefined,
): Promise<string | undefined> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const attributes = {
    namespace,
    name,
    verb: 'create',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: 'exec',
  };
  const review = {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    spec: { resourceAttributes: attributes },
  };
  const answer = await cluster.request('POST', path, review, abort);
  if (answer.status !== 201 && answer.status !== 200) return undefined;
  const { allowed, reason } =
    (answer.body as { status?: { allowed?: unknown; reason?: unknown } } | null)?.status ?? {};
  if (allowed !== false) return undefined;
  return typeof reason === 'string' && reason !== '' ? wordsOf({ status: 403, body: reason }) : 'no role allows it';
}

/** What a container of a pod is doing, in LXC's words. */
function statusOf(pod: Pod, container: string): Status {
  const { phase } = pod.status;
  const state = stateOf(pod, container);
  if (state?.running) return 'running';
  if (state?.terminated || phase === 'Succeeded' || phase === 'Failed') return 'stopped';
  if (state?.waiting || phase === 'Pending') return 'starting';
  return phase === 'Running' ? 'running' : 'unknown';
}

function stateOf({ status }: Pod, container: string): ContainerStatus['state'] {
  const all = [status.containerStatuses, status.initContainerStatuses, status.ephemeralContainerStatuses];
  return all.flatMap((list) => list ?? []).find(({ name }) => name === container)?.state;
}

/** Says why no command can run in a container of a pod, in Kubernetes' own words. */
function refuseUnlessRunning(pod: Pod, container: string): void {
  if (statusOf(pod, container) === 'running') return;
  const { namespace, name } = pod.metadata;
  const state = stateOf(pod, container);
  const words = (...parts: (string | number | undefined)[]): string =>
    wordsOf({ status: 0, body: parts.filter((part) => part !== undefined && part !== '').join(': ') });
  const what =
    state?.waiting !== undefined && state.waiting !== null
      ? `is waiting (${words(state.waiting.reason ?? 'unknown', state.waiting.message)})`
      : state?.terminated !== undefined && state.terminated !== null
        ? `has ended (${words(state.terminated.reason ?? 'unknown', `exit code ${state.terminated.exitCode ?? 'unknown'}`)})`
        : `does not run (${words(pod.status.phase ?? 'unknown', pod.status.reason)})`;
  throw new LxcriError(
    'ContainerNotRunning',
    `container ${container} of pod ${namespace}/${name} ${what}`,
    `see: kubectl describe pod -n ${namespace} ${name}`,
  );
}

function controlOf(
  look: (abort: AbortSignal | undefined) => Promise<Pod>,
  container: string,
  access: () => Promise<string | undefined>,
): RemoteControl {
  const power = (what: string, hint: string): Promise<PowerEnd> =>
    Promise.reject(
      new LxcriError(
        'NoMethodAvailable',
        `a container of a pod is ${what} by Kubernetes alone, as its workload says`,
        hint,
      ),
    );
  const end = (): Promise<PowerEnd> =>
    power('ended', 'see: kubectl delete pod; for one process: proxmox-lxcri exec ... -- kill');
  return {
    status: async (abort) => statusOf(await look(abort), container),
    now: async (abort) => {
      const pod = await look(abort);
      const { namespace, name } = pod.metadata;
      const denied = await access();
      if (denied !== undefined)
        throw new LxcriError(
          'PermissionDenied',
          `we may not run commands in pod ${namespace}/${name}: ${denied}`,
          `ask who runs the cluster for a role with create on pods/exec; see: kubectl auth can-i create pods/exec -n ${namespace}`,
        );
      refuseUnlessRunning(pod, container);
      return { status: 'running', lock: undefined };
    },
    start: async (abort) => {
      const { namespace, name } = (await look(abort)).metadata;
      return power(
        'started',
        `see: kubectl scale, kubectl rollout restart; what keeps it from running: kubectl describe pod -n ${namespace} ${name}`,
      );
    },
    shutdown: () => power('stopped', 'see: kubectl delete pod, kubectl scale'),
    kill: end,
    signal: end,
  };
}

function timeOf(text: string | null | undefined): string | null {
  const time = new Date(text ?? '');
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

/** The one whose state is the pod's in a list. */
function shownContainer({ metadata, spec }: Pod): string {
  const marked = metadata.annotations?.[DEFAULT_CONTAINER];
  return spec.containers.find(({ name }) => name === marked)?.name ?? spec.containers[0]?.name ?? '';
}

/**
 * The pods of a namespace, in no order.
 *
 * @param namespace Default: that of the current context.
 * @throws LxcriError UsageError, and as the client's own; the reason of `abort`.
 */
export async function listPods(
  cluster: ClusterClient,
  abort?: AbortSignal,
  namespace = cluster.namespace,
): Promise<ContainerSummary[]> {
  checkNamespace(namespace);
  const answer = await cluster.request('GET', `/api/v1/namespaces/${namespace}/pods`, undefined, abort);
  if (answer.status !== 200) throw refused(answer, cluster.name, `list the pods of the namespace ${namespace}`);
  return podsIn(answer, cluster.name).map((pod) => {
    const { name } = pod.metadata;
    return {
      reference: `k8s:${namespace}/${name}`,
      id: `${namespace}/${name}`,
      name,
      platform: 'kubernetes',
      type: 'pod',
      context: null,
      node: null,
      status: statusOf(pod, shownContainer(pod)),
      pid: null,
      startedAt: timeOf(pod.status.startTime),
      lock: null,
      tags: [],
      pool: null,
      lxcpath: null,
    };
  });
}
