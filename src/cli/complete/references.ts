import type { ContainerSummary } from '../../model/status.ts';
import { isName } from '../../oci/reference.ts';
import type { Candidate } from '../complete.ts';

/** A container, and how a call may name it. */
export interface Nameable extends ContainerSummary {
  /** By its VMID or name alone. */
  readonly isBare: boolean;
  /** By these with a scheme before them. */
  readonly hasScheme: boolean;
}

/**
 * The words that mean one container each: ids and names where these are enough, and forms with a scheme where nothing else
 * is, or where something is typed. Names come from the containers' owners: one that no call would accept is left out.
 *
 * @param typed what there is of the word; a "/" in it asks for the forms with a node or a folder.
 */
export function references(containers: readonly Nameable[], typed: string): Candidate[] {
  const meant = new Map<string, Nameable[]>();
  for (const container of containers) {
    for (const word of new Set(wordsFor(container))) meant.set(word, [...(meant.get(word) ?? []), container]);
  }
  const isAmbiguous = ([word, found]: [string, Nameable[]]): boolean => !word.includes('/') && found.length > 1;
  const twice = new Set([...meant].filter(isAmbiguous).flatMap(([, found]) => found));
  return [...meant]
    .filter((entry) => !isAmbiguous(entry))
    .filter(([word, [found]]) => isWanted(word, typed, found !== undefined && (!found.isBare || twice.has(found))))
    .map(([word, [found]]) => ({ word, note: found === undefined ? '' : noteOn(found, word) }));
}

/** Of forms that are longer than is usual, those that are typed for, or needed. */
function isWanted(word: string, typed: string, isNeeded: boolean): boolean {
  if (word.includes('/')) return typed.includes('/') || isNeeded;
  return !word.includes(':') || typed !== '' || isNeeded;
}

/** The shortest first. */
function wordsFor({ id, name, platform, type, node, lxcpath, isBare, hasScheme }: Nameable): string[] {
  const scheme = platform === 'lxc' ? 'lxc' : type === 'qemu' ? 'vm' : 'pve';
  const names = [id, name].filter(isName);
  const where = platform === 'lxc' ? lxcpath : node;
  return [
    ...(isBare ? names : []),
    ...(hasScheme ? names.map((each) => `${scheme}:${each}`) : []),
    ...(hasScheme && where !== null ? [`${scheme}:${where}/${id}`] : []),
  ];
}

function noteOn({ id, name, type, status, node, context }: Nameable, word: string): string {
  const other = word.endsWith(id) ? name : id;
  return [
    ...(id === name ? [] : [other]),
    status,
    ...(type === 'qemu' ? ['a virtual machine'] : []),
    ...(context === null || node === null ? [] : [`on ${node}`]),
    ...(context === null ? [] : [`of ${context}`]),
  ].join(', ');
}
