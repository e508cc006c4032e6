/** Finding what a command left behind in a container. */
import { carriesMarker, killIfThere, type ProcessInfo, processInfo } from '../proc.ts';
import { waitFor } from '../wait-for.ts';
import type { Container } from './container.ts';

/**
 * What processes run in, as a test sees it from outside: on this host's kernel their pids here are known, and on another
 * one somebody there tells of them, and ends them.
 */
export type Inhabited = { readonly name: string } & (
  | { pids(): Promise<number[]> }
  | { processes(): Promise<ProcessInfo[]>; kill(pid: number): Promise<void> }
);

export interface ProcessSnapshot {
  has(process: ProcessInfo): boolean;
}

/** The living processes of a container. Zombies are not counted: they run nothing, and are their init's business. */
export async function processesIn(container: Inhabited): Promise<ProcessInfo[]> {
  const all = 'pids' in container ? (await container.pids()).map(processInfo) : await container.processes();
  return all.filter((each): each is ProcessInfo => each !== undefined && each.state !== 'Z');
}

/** Those that carry the text in their command line or environment. */
export async function processesMatching(container: Container, marker: string): Promise<ProcessInfo[]> {
  return (await processesIn(container)).filter((each) => carriesMarker(each.pid, marker));
}

export async function snapshotProcesses(container: Inhabited): Promise<ProcessSnapshot> {
  const known = new Set((await processesIn(container)).map(identity));
  return { has: (process) => known.has(identity(process)) };
}

export async function processesSince(container: Inhabited, before: ProcessSnapshot): Promise<ProcessInfo[]> {
  return (await processesIn(container)).filter((each) => !before.has(each));
}

/** A killed process needs a moment to go, so this waits; then it fails with a list of what is left. */
export async function assertNothingNew(
  container: Inhabited,
  before: ProcessSnapshot,
  timeoutMs = 30_000,
): Promise<void> {
  let left: ProcessInfo[] = [];
  await waitFor(
    async () => {
      left = await processesSince(container, before);
      return left.length === 0;
    },
    { what: `${container.name} to hold only its former processes`, timeoutMs },
  ).catch((error: unknown) => {
    const list = left.map((each) => `  ${each.pid} ${each.state} ${each.args}`).join('\n');
    throw new Error(`left behind in ${container.name}:\n${list}`, { cause: error });
  });
}

/** By SIGKILL; one that has ended meanwhile is none. */
export async function endProcess(container: Inhabited, pid: number): Promise<void> {
  if (!('pids' in container)) return container.kill(pid);
  killIfThere(pid);
}

/** By start time too, since pids are used again. */
function identity(process: ProcessInfo): string {
  return `${process.pid}-${process.startTime}`;
}
