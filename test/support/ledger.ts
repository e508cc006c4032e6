/**
 * The book of everything a run of the tests has put on the host.
 *
 * Each container, directory and group of processes is written down, one file per thing, under the run's process id and start time.
 * What is in the book is removed when the run ends, in whatever way it ends; what a killed run left behind is removed
 * by the next one. Nothing else is ever removed: containers of others are safe.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeContainer } from './container/remove.ts';
import { removeEngine } from './docker/remove.ts';
import { CACHE_DIRECTORY } from './places.ts';
import { isRunning, killGroup, processInfo } from './proc.ts';

export type Entry =
  | { type: 'container'; lxcpath: string; name: string }
  | { type: 'directory'; path: string }
  | { type: 'engine'; directory: string }
  | { type: 'group'; leader: number; startTime: string }
  | { type: 'kubernetes'; directory: string };

const RUNS = join(CACHE_DIRECTORY, 'runs');
const OWN_RUN = join(RUNS, `${process.pid}-${processInfo(process.pid)?.startTime}`);
let pages = 0;
let begun = false;

/** Writes the thing down; the returned function strikes it out again (to be called once the thing is gone). */
export function remember(entry: Entry): () => void {
  begin();
  mkdirSync(OWN_RUN, { recursive: true });
  pages += 1;
  const page = join(OWN_RUN, `${String(pages).padStart(6, '0')}.json`);
  writeFileSync(page, JSON.stringify(entry));
  return () => rmSync(page, { force: true });
}

/** Removes all that this run has made and not yet removed. */
export function removeOwnThings(): void {
  removeThingsOf(OWN_RUN);
}

/** Removes what runs left behind whose process is gone. */
export function sweepDeadRuns(): void {
  for (const name of list(RUNS)) {
    const [pid, startTime] = name.split('-');
    if (!isRunning(Number(pid), startTime)) {
      removeThingsOf(join(RUNS, name));
    }
  }
}

function begin(): void {
  if (begun) {
    return;
  }
  begun = true;
  sweepDeadRuns();
  process.on('exit', removeOwnThings);
  // Without a handler these end the process before its exit handlers run.
  const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const [signal, number] of Object.entries(signals)) {
    process.once(signal, () => process.exit(128 + number));
  }
}

function removeThingsOf(run: string): void {
  // Last made, first removed: a container goes before the directory it lives in.
  for (const name of list(run).toSorted().toReversed()) {
    const page = join(run, name);
    try {
      remove(page);
      rmSync(page, { force: true });
    } catch (error) {
      // The page stays, so that the next run tries again; the other things must go nevertheless.
      process.stderr.write(`test support: cannot remove what ${page} names: ${String(error)}\n`);
    }
  }
  try {
    rmdirSync(run);
  } catch {
    // Pages are left, or there never was one.
  }
}

function remove(page: string): void {
  const text = readFileSync(page, 'utf8');
  if (text === '') {
    return; // Its run was killed before it had made the thing.
  }
  const entry = JSON.parse(text) as Entry;
  if (entry.type === 'container') {
    removeContainer(entry);
  } else if (entry.type === 'engine' || entry.type === 'kubernetes') {
    removeEngine(entry.directory);
  } else if (entry.type === 'group') {
    killGroup(entry.leader, entry.startTime);
  } else {
    rmSync(entry.path, { recursive: true, force: true });
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
