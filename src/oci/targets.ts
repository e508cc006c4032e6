import { refuseContext } from '../kubernetes/names.ts';
import { LxcriError } from '../model/errors.ts';
import { quoted } from '../values/quoted.ts';

/** What names containers of Kubernetes, one or several, as the command line has it. */
export interface Selector {
  /** The CONTAINER word, where there is one: `k8s:ns/pod`, `k8s:ns/pod/container`, `k8s:ns/deploy:web`. */
  readonly resource: string | undefined;
  readonly namespace: string | undefined;
  /** Pods. With a workload as the resource: only those of its pods. */
  readonly tasks: readonly string[];
  /** Containers of each pod. Default: each pod's default container. */
  readonly containers: readonly string[];
}

/** How the targets are to be used. */
export interface SelectionOptions {
  /** One terminal has room for one pod: of a workload whose pods were not named, the first is taken. */
  readonly forTerminal: boolean;
  /** Ends the questions to the cluster; its reason is thrown then. */
  readonly abort?: AbortSignal | undefined;
}

/** A workload of Kubernetes: what `deploy:web` names. */
export interface Workload {
  /** Default: that of the current context. */
  readonly namespace: string | undefined;
  readonly kind: WorkloadKind;
  readonly name: string;
}

/** The running pods of a workload. */
export interface WorkloadPods {
  readonly namespace: string;
  /** Their names, in an order that does not change from call to call; at least one. */
  readonly pods: readonly string[];
}

/** Asks a cluster for the running pods of a workload. */
export type PodsOf = (workload: Workload, abort: AbortSignal | undefined) => Promise<WorkloadPods>;

const WORKLOAD_KINDS = ['deploy', 'job', 'sts', 'ds'] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

/**
 * The containers that a selector means, each by the reference that an ordinary `exec` takes: `k8s:ns/pod/container`, and
 * without the container where it is the pod's default one. Where the namespace is the current context's, `k8s:pod` or
 * `k8s:/pod/container`. Nothing is asked of a cluster unless a workload was named; whether the pods are there is for the
 * validation of each.
 *
 * @returns at least one, none twice, in the order they were named: pod by pod, each with its containers.
 * @throws LxcriError `UsageError` for words that contradict each other or can be no names; for a workload what the
 *   cluster's answers can be, such as `ContainerNotFound`, `ContainerNotRunning`, `PermissionDenied`.
 */
export async function targetsOf(
  selector: Selector,
  { forTerminal, abort }: SelectionOptions,
  podsOf: PodsOf = podsByCluster,
): Promise<readonly string[]> {
  const { namespace, workload, pods, containers } = understand(selector);
  if (workload === undefined) return references(namespace, pods, containers);
  const running = await podsOf(workload, abort);
  const stranger = pods.find((pod) => !running.pods.includes(pod));
  if (stranger !== undefined) {
    throw new LxcriError(
      'ContainerNotFound',
      `${workload.kind}:${workload.name} has no running pod ${stranger} in the namespace ${running.namespace}`,
      `it has: ${running.pods.join(', ')}`,
    );
  }
  const chosen = pods.length > 0 ? pods : forTerminal ? running.pods.slice(0, 1) : running.pods;
  return references(running.namespace, chosen, containers);
}

/**
 * Refuses what {@link targetsOf} would, without asking a cluster.
 *
 * @throws LxcriError `UsageError`, `MissingContainerId`
 */
export function checkSelector(selector: Selector): void {
  understand(selector);
}

/** What a selector says, in parts. */
interface Understood {
  readonly namespace: string | undefined;
  readonly workload: Workload | undefined;
  readonly pods: readonly string[];
  readonly containers: readonly string[];
}

function understand(selector: Selector): Understood {
  const named = selector.resource === undefined ? undefined : parseResource(selector.resource);
  const tasks = [...new Set(selector.tasks)];
  const containers = [...new Set(selector.containers)];
  const namespace = selector.namespace ?? named?.namespace;
  if (selector.namespace !== undefined && named?.namespace !== undefined && selector.namespace !== named.namespace)
    throw contradiction(`--namespace ${quoted(selector.namespace)}`, selector.resource);
  if (named?.pod !== undefined && tasks.length > 0) throw contradiction('--task', selector.resource);
  if (named?.container !== undefined && containers.length > 0) throw contradiction('--container', selector.resource);
  if (named === undefined && tasks.length === 0)
    throw new LxcriError('MissingContainerId', 'no pod was named', 'name one, or several, with --task');
  const pods = named?.pod === undefined ? tasks : [named.pod];
  const chosen = named?.container === undefined ? containers : [named.container];
  if (namespace !== undefined) check('namespace', namespace, LABEL);
  for (const pod of pods) check('pod', pod, SUBDOMAIN);
  for (const container of chosen) check('container', container, LABEL);
  const { kind, name } = named ?? {};
  const workload = kind === undefined || name === undefined ? undefined : { namespace, kind, name };
  return { namespace, workload, pods, containers: chosen };
}

/** A CONTAINER word in parts. */
interface Resource {
  readonly namespace?: string | undefined;
  readonly pod?: string;
  readonly container?: string | undefined;
  readonly kind?: WorkloadKind;
  readonly name?: string;
}

function parseResource(word: string): Resource {
  if (!word.startsWith('k8s:')) {
    throw new LxcriError(
      'UsageError',
      `${quoted(word)} is none of Kubernetes, and --namespace, --task and --container are for that`,
      'write k8s:NAMESPACE/POD or k8s:NAMESPACE/deploy:NAME; where it begins the command, write "--" before it',
    );
  }
  refuseContext(word);
  const parts = word.slice('k8s:'.length).split('/');
  const at = parts.findIndex((part) => part.includes(':'));
  if (at === -1) {
    if (parts.length > 3) throw unreadable(word);
    const [namespace = '', pod = '', container] = parts.length === 1 ? ['', ...parts] : parts;
    return { namespace: namespace === '' ? undefined : namespace, pod, container };
  }
  if (at !== parts.length - 1 || at > 1) throw unreadable(word);
  const [typed = '', name = '', ...rest] = (parts[at] ?? '').split(':');
  const kind = WORKLOAD_KINDS.find((known) => known === typed);
  if (kind === undefined || rest.length > 0) throw unreadable(word);
  check(kind, name, SUBDOMAIN);
  return { namespace: at === 1 ? parts[0] : undefined, kind, name };
}

function unreadable(word: string): LxcriError {
  return new LxcriError(
    'UsageError',
    `${quoted(word)} names nothing of Kubernetes`,
    `write k8s:NAMESPACE/POD[/CONTAINER], or k8s:NAMESPACE/KIND:NAME with one of: ${WORKLOAD_KINDS.join(', ')}`,
  );
}

function contradiction(flag: string, resource: string | undefined): LxcriError {
  return new LxcriError('UsageError', `${flag} and ${quoted(resource ?? '')} contradict each other`, 'leave out one');
}

/** The names of Kubernetes: labels and subdomains of RFC 1123, as its validation has them. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

function check(what: string, name: string, pattern: RegExp): void {
  if (pattern.test(name)) return;
  throw new LxcriError(
    'UsageError',
    `${quoted(name)} cannot be the name of a ${what}`,
    'names of Kubernetes are small letters, digits and "-"',
  );
}

function references(
  namespace: string | undefined,
  pods: readonly string[],
  containers: readonly string[],
): readonly string[] {
  if (containers.length === 0)
    return pods.map((pod) => (namespace === undefined ? `k8s:${pod}` : `k8s:${namespace}/${pod}`));
  return pods.flatMap((pod) => containers.map((container) => `k8s:${namespace ?? ''}/${pod}/${container}`));
}

/** Asks the cluster of the current context of the caller's kubeconfig. */
async function podsByCluster(
  { kind, name, namespace }: Workload,
  abort: AbortSignal | undefined,
): Promise<WorkloadPods> {
  const { clusterOf, podsOfWorkload } = await import('../methods/kubernetes/room.ts');
  return podsOfWorkload(await clusterOf(process.env, abort), kind, name, namespace, abort);
}
