import { identityOf } from '../../model/container.ts';
import type { ContainerIdentity } from '../../model/container.ts';
import type { Diagnosis, MethodDiagnosis } from '../../model/diagnosis.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { hasNodePty } from '../../methods/attach/pty.ts';
import { fullReference, locate } from '../locate.ts';
import type { HostInventory } from '../locate.ts';
import { parseReference } from '../reference.ts';
import type { Scheme } from '../reference.ts';
import { validateRunning } from '../validate.ts';
import type { Cluster } from '../cluster.ts';
import { checkHost } from './checks.ts';
import { diagnoseContexts } from './contexts.ts';
import { fastestOrder, triedMethods, untriedMethods } from './methods.ts';
import { diagnosePlatforms, tryToList } from './platforms.ts';
import type { Listing } from './platforms.ts';
import type { Caller } from './trial.ts';

/** What to diagnose, and by what means. */
export interface DiagnoseOptions {
  /** The container to try the methods in. Default: the first that runs. */
  readonly target?: string | undefined;
  /** The Proxmox node of the container. */
  readonly node?: string | undefined;
  /** Those of the contexts. */
  readonly clusters: readonly Cluster[];
  readonly stateDirectory: string;
  readonly caller: Caller;
  readonly abort: AbortSignal;
}

/** A container that runs may have nothing to run; so many are looked at, at most. */
const MOST_CANDIDATES = 3;

/**
 * Finds out what this host has, which methods work, and what each costs. It runs commands in one container, which leave
 * nothing behind; never in one that is frozen, or that a task of Proxmox holds.
 *
 * @throws LxcriError those of finding the container that was named; the reason of `abort`.
 */
export async function diagnose(inventory: HostInventory, options: DiagnoseOptions): Promise<Diagnosis> {
  const { target, node, clusters, stateDirectory, caller, abort } = options;
  const asked = diagnoseContexts(clusters, abort);
  // It is waited for at the end; by then something else may have failed.
  asked.catch(() => {});
  const onProxmox = inventory.pve.present;
  const listing = await tryToList(inventory);
  const checks = checkHost({
    onProxmox,
    stateDirectory,
    nodePty: await hasNodePty(),
    unreachable: unreachableOnes(listing),
  });
  const untried = untriedMethods(onProxmox);
  const isRoot = checks.every(({ name, result }) => name !== 'root' || result === 'ok');
  const candidates = target === undefined ? runningOnes(listing) : [await namedOne(inventory, target, node)];
  const { container, notTried, methods } = isRoot
    ? await tryCandidates(candidates, untried, caller, abort)
    : { container: null, notTried: 'only root can run commands in containers', methods: untried };
  const contexts = await asked;
  const canStill = container === null && isRoot && checks.every(({ result }) => result !== 'problem');
  return {
    platforms: await diagnosePlatforms(inventory, listing),
    checks,
    container,
    notTried,
    methods: methods.map((method) => (method.result === 'untried' ? { ...method, reason: notTried } : method)),
    contexts,
    fastest: fastestOrder(methods),
    canExec:
      methods.some(({ result }) => result === 'works' || (canStill && result === 'untried')) ||
      contexts.some(({ reachable }) => reachable),
  };
}

function unreachableOnes(listing: Listing): string[] {
  if ('failure' in listing) return [];
  return listing.containers.filter(({ status }) => status === 'unreachable').map(({ reference }) => reference);
}

/** A container to try the methods in, or why not. */
type Candidate = { reference: string; identity: ContainerIdentity; obstacle?: string };

function runningOnes(listing: Listing): Candidate[] {
  if ('failure' in listing) return [];
  return listing.containers
    .filter(({ status, lock }) => status === 'running' && lock === null)
    .slice(0, MOST_CANDIDATES)
    .map(({ reference, id, name, platform, node }) => ({
      reference,
      identity: { id, name, platform, ...(node === null ? {} : { node }) },
    }));
}

async function namedOne(inventory: HostInventory, target: string, node: string | undefined): Promise<Candidate> {
  const reference = parseReference(target);
  if (isElsewhere(reference.scheme))
    throw new LxcriError(
      'NoMethodAvailable',
      `methods are not compared in ${reference.scheme}: containers, which have but one`,
      `name a container of Proxmox or LXC; whether this one answers: proxmox-lxcri state ${target}`,
    );
  const container = locate(reference, inventory, node);
  const found = { reference: fullReference(container), identity: identityOf(container) };
  if (container.lock !== undefined) return { ...found, obstacle: `it is locked (${container.lock})` };
  try {
    await validateRunning(container);
    return found;
  } catch (error) {
    if (isLxcriError(error)) return { ...found, obstacle: error.message };
    throw error;
  }
}

/** Whether it is a scheme of what one method alone reaches. */
function isElsewhere(scheme: Scheme | undefined): boolean {
  return scheme === 'docker' || scheme === 'k8s' || scheme === 'vsock';
}

async function tryCandidates(
  candidates: readonly Candidate[],
  untried: readonly MethodDiagnosis[],
  caller: Caller,
  abort: AbortSignal,
): Promise<Pick<Diagnosis, 'container' | 'notTried' | 'methods'>> {
  let notTried = 'no container runs that nothing holds; start one, or name one';
  for (const { reference, identity, obstacle } of candidates) {
    if (obstacle !== undefined) {
      notTried = obstacle;
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- the next one only where this one has nothing to run
    const methods = await triedMethods(untried, { reference, caller, abort });
    if (methods !== undefined) return { container: identity, notTried: null, methods };
    notTried = `${identity.name} has no /bin/sh to try them with; name another container`;
  }
  return { container: null, notTried, methods: [...untried] };
}
