import { allProcesses, readProcess } from './proc.ts';

/** What forks faster than we look is left at some time. */
const MOST_ROUNDS = 20;

/**
 * Ends a child of ours that has not been waited for, and all that descends from it, at once and without waiting: also for
 * the last moment of this process. They share our session and process group, so that they can ask at our terminal;
 * therefore they are found by descent.
 */
export function endDescendants(pid: number): void {
  const stopped = new Set<number>();
  // What is stopped makes no children while the others are looked for.
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = withDescendants(pid).filter((each) => !stopped.has(each));
    if (found.length === 0) break;
    for (const each of found) {
      send(each, 'SIGSTOP');
      stopped.add(each);
    }
  }
  for (const each of stopped) send(each, 'SIGKILL');
}

function withDescendants(pid: number): number[] {
  if (readProcess(pid)?.parent !== process.pid) return [];
  const children = new Map<number, number[]>();
  for (const each of allProcesses()) children.set(each.parent, [...(children.get(each.parent) ?? []), each.pid]);
  const found = [pid];
  // The list grows while it is gone through.
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile, or is another user's.
  }
}
