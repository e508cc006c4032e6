import type { ContainerSummary } from '../../model/status.ts';
import { isName } from '../../oci/reference.ts';
import type { Candidate } from '../complete.ts';

/** A container, and how a call may name it. */
export interface Nameable
  extends Pick<ContainerSummary, 'id' | 'name' | 'platform' | 'type' | 'context' | 'node' | 'status' | 'lxcpath'> {
  /** By its VMID or name alone. */
  readonly isBare: boolean;
  /** By these with a scheme before them. */
  readonly hasScheme: boolean;
}

/**
 * The words that mean one container each: ids and names where these are enough, and forms with a scheme where nothing else
 * is, or where something is typed. Names come from the containers' owners: one that no call would accept is left out.
 *
 * @param typed what there is of the word; a "/" in it asks for the forms with a node or a folder,
 *   an "@" for those with a context.
 */
export function references(containers: readonly Nameable[], typed: string): Candidate[] {
  const meant = new Map<string, number>();
  const all = containers.map((container) => ({ container, words: [...new Set(wordsFor(container))] }));
  for (const { words } of all) for (const word of words) meant.set(word, (meant.get(word) ?? 0) + 1);
  return all.flatMap(({ container, words }) => {
    const own = words.filter((word) => meant.get(word) === 1);
    const shortest = Math.min(...own.map(lengthOf));
    const wanted = Math.max(shortest, typed === '' ? 0 : typed.includes('@') ? 3 : typed.includes('/') ? 2 : 1);
    return own.filter((word) => lengthOf(word) <= wanted).map((word) => ({ word, note: noteOn(container, word) }));
  });
}

/** A word alone, one with a scheme, one with a node or folder as well, one with a context. */
function lengthOf(word: string): 0 | 1 | 2 | 3 {
  return word.includes('@') ? 3 : word.includes('/') ? 2 : word.includes(':') ? 1 : 0;
}

/** The shortest first. */
function wordsFor({ id, name, platform, type, context, node, lxcpath, isBare, hasScheme }: Nameable): string[] {
  const scheme = platform === 'lxc' ? 'lxc' : type === 'qemu' ? 'vm' : 'pve';
  const names = [id, name].filter(isName);
  const where = platform === 'lxc' ? lxcpath : node;
  return [
    ...(isBare ? names : []),
    ...(hasScheme ? names.map((each) => `${scheme}:${each}`) : []),
    ...(hasScheme && where !== null ? [`${scheme}:${where}/${id}`] : []),
    ...(context === null ? [] : names.map((each) => `${scheme}:${each}@${context}`)),
  ];
}

function noteOn({ id, name, type, status, node, context }: Nameable, word: string): string {
  const other = word.replace(/@.*/, '').endsWith(id) ? name : id;
  return [
    ...(id === name ? [] : [other]),
    ...(status === 'unknown' ? [] : [status]),
    ...(type === 'qemu' ? ['a virtual machine'] : []),
    ...(node === null || (context === null && status !== 'unknown') ? [] : [`on ${node}`]),
    ...(context === null ? [] : [`of ${context}`]),
  ].join(', ');
}
