import type { Candidate } from '../complete.ts';

/** How long an engine or a cluster may take: it is on another host, and was asked for by name. */
const LIMIT_MS = 1000;

/** What is asked of a platform. */
interface Question {
  /** What is typed behind the scheme. */
  readonly rest: string;
  /** The one that a flag names. */
  readonly namespace: string | undefined;
  readonly abort: AbortSignal;
}

/** What can be said of a container of a platform that is only asked once its scheme is typed; by that scheme. */
const FINDERS: Readonly<Record<string, (question: Question) => Promise<Candidate[]>>> = {
  'docker:': async ({ abort }) => {
    const { endpointOf, engineOf, listContainers } = await import('../../methods/docker/room.ts');
    // It would take a program there, and ssh, which may ask for a password.
    if (endpointOf(process.env).kind === 'ssh') return [];
    const containers = await listContainers(engineOf(process.env), abort);
    return containers.map(({ reference, status }) => ({ word: reference, note: status }));
  },
  'k8s:': async ({ rest, namespace: named, abort }) => {
    const { listPods, silentClusterOf } = await import('../../methods/kubernetes/room.ts');
    const cluster = await silentClusterOf(process.env);
    const [namespace] = rest.includes('/') ? rest.split('/', 1) : [undefined];
    const pods = await listPods(cluster, abort, namespace || named);
    return pods.map(({ name, status }) => ({
      word: namespace === undefined ? `k8s:${name}` : `k8s:${namespace}/${name}`,
      note: status,
    }));
  },
};

/**
 * The containers of the platform whose scheme is typed: `docker:`, and `k8s:` for the pods of the current namespace, or
 * of the one that is typed as well.
 *
 * @param typed what there is of the word.
 * @param namespace the one that a flag names.
 * @returns `undefined` where no such scheme is typed.
 * @throws where the platform cannot be asked, or does not answer soon.
 */
export function ofPlatform(typed: string, namespace: string | undefined): Promise<Candidate[]> | undefined {
  const scheme = typed.slice(0, typed.indexOf(':') + 1);
  const find = Object.hasOwn(FINDERS, scheme) ? FINDERS[scheme] : undefined;
  return find?.({ rest: typed.slice(scheme.length), namespace, abort: AbortSignal.timeout(LIMIT_MS) });
}
