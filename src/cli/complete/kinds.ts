import { readdirSync } from 'node:fs';

import type { Settings } from '../../config/keys.ts';
import { loadSettings } from '../../config/settings.ts';
import { hasContexts } from '../../contexts/files.ts';
import { ExecutionStore } from '../../oci/detached/store.ts';
import type { startExecution } from '../../oci/execution.ts';
import { hostInventory } from '../../oci/locate.ts';
import { isName } from '../../oci/reference.ts';
import { ownUsers } from '../../oci/own-users.ts';
import { shellWord } from '../../values/shell-word.ts';
import type { Candidate } from '../complete.ts';
import { guests, hostContainers, otherNodes } from './containers.ts';
import { ofPlatform } from './platforms.ts';
import { references } from './references.ts';
import type { Nameable } from './references.ts';
import { timeLeftMs } from './time-left.ts';

/** What a kind is found by. */
export interface Question {
  /** What is typed of the word. The shells choose what fits it. */
  readonly typed: string;
  /** The context that is named. */
  readonly context: string | undefined;
  /** The container that is named. */
  readonly container: string | undefined;
  /** The namespace that is named. */
  readonly namespace: string | undefined;
  readonly start: typeof startExecution;
}

type Finder = (question: Question) => Iterable<Candidate> | Promise<Iterable<Candidate>>;

/** What the scripts ask for. */
export const KINDS: Readonly<Record<string, Finder>> = {
  containers: async ({ typed, context, namespace }) =>
    // A context has none of them.
    (context === undefined ? await ofPlatform(typed, namespace) : undefined) ??
    references(await everything(context), typed),
  'containers-of-nodes': async ({ typed, context, namespace }) => {
    const ofOne = context === undefined ? await ofPlatform(typed, namespace) : undefined;
    if (ofOne !== undefined) return ofOne;
    const others = context === undefined ? otherNodes(await loadSettings(process.env)) : [];
    return references(withoutDoubles([...(await everything(context)), ...others]), typed);
  },
  'host-containers': async ({ typed }) => references(await hostContainers(await loadSettings(process.env)), typed),
  targets: async (question) => [
    ...((await KINDS['containers']?.(question)) ?? []),
    ...(question.context === undefined ? ((await KINDS['executions']?.(question)) ?? []) : []),
  ],
  nodes: async ({ context }) => {
    const settings = await loadSettings(process.env);
    const { pve } = hostInventory(settings);
    const own = context === undefined ? [pve.node, ...pve.otherNodes] : [];
    const names = new Map(own.filter((name) => name !== undefined).map((name) => [name, '']));
    for (const { node, context: cluster } of await guestsOf(settings, context))
      if (node !== null) names.set(node, `of ${cluster}`);
    return [...names].filter(([word]) => isName(word)).map(([word, note]) => ({ word, note }));
  },
  contexts: async () => {
    const { currentContext, loadContexts } = await import('../../contexts/room.ts');
    const contexts = await loadContexts(process.env);
    const current = currentContext(contexts, process.env);
    return [...contexts.all.values()].map((context) => ({
      word: context.name,
      note: `${context.hosts[0].host}${context === current ? ', the current one' : ''}`,
    }));
  },
  executions: async () => {
    const { stateDirectory } = await loadSettings(process.env);
    return ExecutionStore.below(stateDirectory)
      .all()
      .map(({ id, status, container, command }) => ({
        word: id,
        note: `${status}, in ${container}: ${command.map(shellWord).join(' ')}`,
      }));
  },
  users: async ({ typed, context, container, start }) => {
    if (container === undefined || context !== undefined || typed.includes(':') || !isRoot()) return [];
    const inventory = hostInventory(await loadSettings(process.env));
    const users = await ownUsers(inventory, container, start, timeLeftMs());
    return [...users].map(([word, uid]) => ({ word, note: String(uid) }));
  },
  locks: async () => {
    const { LOCK_DIRECTORY } = await import('../exec-lock.ts');
    const files = readdirSync(LOCK_DIRECTORY).filter((file) => file.endsWith('.lock'));
    return files.map((file) => ({ word: file.slice(0, -'.lock'.length), note: '' }));
  },
};

/** The containers of this host, and the guests of clusters; or only those of the cluster of a context. */
async function everything(context: string | undefined): Promise<Nameable[]> {
  const settings = await loadSettings(process.env);
  const host = context === undefined ? hostContainers(settings) : [];
  const [onHost, inClusters] = await Promise.all([host, guestsOf(settings, context)]);
  return withoutDoubles([...onHost, ...inClusters]);
}

/** Contexts that are wrong do not keep this host's containers from being offered. */
async function guestsOf(settings: Settings, context: string | undefined): Promise<Nameable[]> {
  try {
    return context === undefined && !hasContexts(process.env) ? [] : await guests(settings, context);
  } catch {
    return [];
  }
}

/**
 * This host may be a node of a cluster that is asked as well: what is known first of a container is known best. Two
 * contexts may be clusters whose nodes have the same names, so theirs are not taken for each other.
 */
function withoutDoubles(containers: readonly Nameable[]): Nameable[] {
  const known = new Map<string, string | null>();
  return containers.filter(({ node, id, context }) => {
    const before = known.get(`${node}/${id}`);
    if (node === null || before === undefined) known.set(`${node}/${id}`, context);
    return node === null || before === undefined || (before !== null && context !== null);
  });
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
