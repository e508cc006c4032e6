import type { Settings } from '../config/keys.ts';
import { hasContexts } from '../contexts/files.ts';
import type { Word } from '../model/request.ts';
import type { Cluster } from '../oci/cluster.ts';
import { LxcriError } from '../model/errors.ts';
import { hostInventory } from '../oci/locate.ts';
import type { HostInventory } from '../oci/locate.ts';
import { rootNeeded } from '../oci/privileges.ts';
import { NodeConfig } from '../proxmox/node/config.ts';
import { asRoot, requireRoot } from './privileges.ts';

/** How a call reaches clusters; everything is optional. */
export interface InventoryOptions {
  /** The words of the call, for who is not root. */
  readonly words: readonly Word[];
  /** Whether those words hold values of variables, which must not be shown. */
  readonly maskValues?: boolean;
  /** For a caller who needs no root for what is asked. */
  readonly mayBeAnybody?: boolean;
  /** The context that was named: then only its cluster is asked, and not this host. */
  readonly context?: string | undefined;
  /** Gets the lines of the logs of tasks. */
  readonly onTaskLine?: ((line: string) => void) | undefined;
  /** Nobody is asked for a secret, and no program that may ask. */
  readonly silent?: boolean | undefined;
}

/** No container is there. */
const NOWHERE = '/dev/null';

/**
 * Where a verb looks for containers: on this host, for which it must be root, and in the clusters of the contexts, for
 * which anybody may be enough. Contexts are read when they are needed.
 *
 * @throws LxcriError PermissionDenied, ConfigError
 */
export function inventoryOf(
  settings: Settings,
  { words, maskValues = false, mayBeAnybody = false, context, onTaskLine }: InventoryOptions,
): HostInventory {
  const isRoot = process.geteuid?.() === 0;
  const mayHaveContexts = context !== undefined || hasContexts(process.env);
  if (!mayHaveContexts && !mayBeAnybody) requireRoot(words, maskValues);
  const docker = context === undefined ? { docker: process.env, kubernetes: process.env } : {};
  const nothing = { lxcpaths: [], pve: new NodeConfig(NOWHERE) };
  const host: HostInventory =
    context !== undefined
      ? { ...nothing, closed: onlyCluster(context) }
      : isRoot
        ? hostInventory(settings)
        : { ...nothing, closed: rootNeeded(asRoot(words, maskValues)) };
  if (!mayHaveContexts) return { ...host, ...docker };
  return { ...host, ...docker, clusters: () => clustersOf(settings.stateDirectory, { context, onTaskLine }) };
}

/** Whether a word names a container of a platform that says itself who may use it: then nobody needs root here. */
export function needsNoRoot(container: string | undefined): boolean {
  return container !== undefined && /^(docker|k8s|vsock):/.test(container);
}

/** Whether a word names a microVM, which is reached over vsock. */
export function isMicrovm(container: string | undefined): boolean {
  return container?.startsWith('vsock:') === true;
}

function onlyCluster(context: string): LxcriError {
  return new LxcriError(
    'UsageError',
    `--context ${context} names a cluster, and those with lxc:, docker:, k8s: and vsock: are not of it`,
    'leave out one of the two; PROXMOX_LXCRI_KUBE_CONTEXT=NAME means a context of the kubeconfig',
  );
}

/**
 * The clusters of all contexts, or of the one that was named. Nothing is connected yet.
 *
 * @throws LxcriError ConfigError
 */
export async function clustersOf(
  stateDirectory: string,
  { context, onTaskLine, silent }: Pick<InventoryOptions, 'context' | 'onTaskLine' | 'silent'>,
): Promise<Cluster[]> {
  const { clientFor, currentContext, endpointsKnown, guestsKnown, loadContexts, loginOf, pickContext, sshAccess } =
    await import('../contexts/room.ts');
  const contexts = await loadContexts(process.env);
  const chosen = context === undefined ? [...contexts.all.values()] : [pickContext(contexts, process.env, context)];
  const current = context === undefined ? currentContext(contexts, process.env) : chosen[0];
  return chosen.map((each) => ({
    name: each.name,
    // What was named needs no scheme.
    bare: each.bare || context !== undefined,
    // With --context this host is not asked, as it would be for the same word without it.
    alone: contexts.all.size === 1 && context === undefined,
    current: each === current,
    client: clientFor(each, { env: process.env, stateDirectory, silent }),
    routes: each.routes,
    login: loginOf(each.identity),
    endpoints: endpointsKnown(each, stateDirectory),
    guests: guestsKnown(each, stateDirectory),
    ssh: (node) => sshAccess(each, node),
    onTaskLine,
  }));
}
