import { readFileSync } from 'node:fs';

/** Which ids of this host are which in a user namespace (user_namespaces(7), uid_map). */
export type IdMap = readonly IdRange[];

interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/**
 * Reads the map of a process's user namespace, by the numbering of ours.
 *
 * @returns an empty map, which maps nothing, once the process is gone.
 */
export function readIdMap(pid: number, kind: 'uid' | 'gid'): IdMap {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/${kind}_map`, 'latin1');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, count };
    });
}

/** An id of this host as the namespace knows it; `undefined` where it has none for it. */
export function insideId(map: IdMap, id: number): number | undefined {
  const range = map.find(({ outside, count }) => id >= outside && id < outside + count);
  return range && range.inside + id - range.outside;
}
