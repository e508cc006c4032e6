import { LxcriError } from '../model/errors.ts';

/** A pod, or one container of it, as a reference names it. */
export interface PodName {
  /** `undefined`: that of the current context. */
  readonly namespace: string | undefined;
  readonly pod: string;
  /** `undefined`: the pod's default container. */
  readonly container: string | undefined;
}

/** The names of Kubernetes: labels and subdomains of RFC 1123, as its validation has them. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Reads what stands behind `k8s:`. With `POD/CONTAINER` the namespace before the first `/` may be empty.
 *
 * @throws LxcriError UsageError, MissingContainerId.
 */
export function podName(text: string): PodName {
  if (text === '')
    throw new LxcriError('MissingContainerId', 'the pod name is empty', 'write k8s:NAMESPACE/POD[/CONTAINER]');
  refuseContext(text);
  const parts = text.split('/');
  const [namespace = '', pod = '', container] = parts.length === 1 ? ['', ...parts] : parts;
  if (text.includes(':'))
    throw new LxcriError(
      'UsageError',
      `${JSON.stringify(text.slice(0, 64))} names the pods of a workload, and one is wanted here`,
      'write k8s:NAMESPACE/POD; exec takes workloads too',
    );
  const isName =
    parts.length <= 3 &&
    (namespace === '' || LABEL.test(namespace)) &&
    SUBDOMAIN.test(pod) &&
    (container === undefined || LABEL.test(container));
  if (!isName)
    throw new LxcriError(
      'UsageError',
      `${JSON.stringify(text.slice(0, 64))} cannot be the name of a pod`,
      'write k8s:NAMESPACE/POD[/CONTAINER]; names of Kubernetes are small letters, digits and "-"',
    );
  return { namespace: namespace === '' ? undefined : namespace, pod, container };
}

/** @throws LxcriError UsageError for what cannot be the name of a namespace. */
export function checkNamespace(name: string): void {
  if (LABEL.test(name)) return;
  throw new LxcriError(
    'UsageError',
    `${JSON.stringify(name.slice(0, 64))} cannot be the name of a namespace`,
    'see: kubectl get namespaces',
  );
}

/**
 * Refuses a reference that names a context, as those of Proxmox do: names of contexts may hold every character that parts
 * the names of Kubernetes.
 *
 * @throws LxcriError UsageError.
 */
export function refuseContext(text: string): void {
  const at = text.indexOf('@');
  if (at === -1) return;
  throw new LxcriError(
    'UsageError',
    `${JSON.stringify(text.slice(0, 64))} names a context, which those of Kubernetes do not`,
    'choose a context of the kubeconfig with PROXMOX_LXCRI_KUBE_CONTEXT=NAME, or: kubectl config use-context NAME',
  );
}
