import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { find } from '../find.ts';
import type { HostInventory } from '../locate.ts';
import { parseReference } from '../reference.ts';
import { connectTo } from './control.ts';
import type { DetachedSignal } from './control.ts';
import { eachLine } from './lines.ts';
import { isExecutionId } from './store.ts';
import type { ExecutionStore, StoredExecution } from './store.ts';

/** How long a command is given to end before we say that it still runs. */
const GRACE_MS = 1000;

/** A tree that is killed may resist for some seconds. */
const KILL_GRACE_MS = 10_000;

/** These do not ask a command to end. */
const ONLY_FORWARDED: ReadonlySet<DetachedSignal> = new Set<DetachedSignal>(['SIGUSR1', 'SIGUSR2', 'SIGWINCH']);

/**
 * The execution that a word means where containers are named as well: one whose id begins so, if there is no container of
 * that name. Digits alone are a VMID, mistyped perhaps, and never an execution. Clusters are asked only where an id begins
 * so, and not for a whole one.
 *
 * @returns its id, or `undefined` when the word is to be taken for a container.
 * @throws LxcriError `InvalidExecutionId` when the word has the form of a whole id that is unknown, or begins several; why
 *   a cluster that may have a container of that name could not be asked.
 */
export async function namedExecution(
  store: ExecutionStore,
  word: string,
  inventory: HostInventory,
): Promise<string | undefined> {
  const { lxcpaths, pve, clusters } = inventory;
  // No execution's id has a scheme: whose container it is need not be asked twice.
  if (/^\d*$|:/.test(word) || (await isContainer(word, { lxcpaths, pve }))) return undefined;
  if (isExecutionId(word)) return store.get(word).id;
  const id = store.find(word);
  return id !== undefined && clusters !== undefined && (await isContainer(word, inventory)) ? undefined : id;
}

async function isContainer(word: string, inventory: HostInventory): Promise<boolean> {
  try {
    await find(parseReference(word), inventory);
    return true;
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    if (inventory.clusters === undefined || NOT_A_CONTAINER.has(error.code)) return error.code === 'AmbiguousContainer';
    throw new LxcriError(error.code, error.message, 'for a detached execution write its whole id');
  }
}

/** What cannot be asked may have a container of that name. */
const NOT_A_CONTAINER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ContainerNotFound',
  'AmbiguousContainer',
  'NoMethodAvailable',
  'UsageError',
]);

/**
 * Sends a signal to the command of a detached execution, by way of its supervisor. As in the foreground, TERM, INT, HUP
 * and QUIT start the clock after which everything is killed; KILL ends the whole tree at once. Where a signal asks for the
 * end, this waits for it: one second, after KILL ten.
 *
 * @param word the id, or its beginning.
 * @returns the execution as it is then: `running`, or `ended`.
 * @throws LxcriError `InvalidExecutionId` when there is no such execution, or it does not run.
 */
export async function killExecution(
  store: ExecutionStore,
  word: string,
  signal: DetachedSignal,
): Promise<StoredExecution> {
  const { id } = store.get(word);
  const supervisor = await connectTo(store.path(id));
  if (supervisor === undefined) throw notRunning(store.get(id));
  const patience = new AbortController();
  const taken = new Promise<void>((resolve) => {
    const closed = eachLine(supervisor, MAX_LINE, () => resolve());
    void closed.then(() => {
      resolve();
      patience.abort();
    });
  });
  supervisor.write(`${signal}\n`);
  await taken;
  if (!ONLY_FORWARDED.has(signal) && !patience.signal.aborted) {
    const graceMs = signal === 'SIGKILL' ? KILL_GRACE_MS : GRACE_MS;
    await sleep(graceMs, undefined, { signal: patience.signal }).catch(() => {});
  }
  supervisor.destroy();
  return store.get(id);
}

const MAX_LINE = 64;

function notRunning({ id, status, result }: StoredExecution): LxcriError {
  const how = status === 'lost' ? 'its supervisor is gone' : `exit code ${result?.exitCode ?? ''}`;
  return new LxcriError(
    'InvalidExecutionId',
    `execution ${id} does not run any more (${how})`,
    `see: proxmox-lxcri result ${id}`,
  );
}
