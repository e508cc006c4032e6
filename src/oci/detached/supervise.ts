import type { Duplex } from 'node:stream';

import { isLxcriError } from '../../model/errors.ts';
import type { ExecResult } from '../../model/result.ts';
import type { Execution, StartNotice, startExecution } from '../execution.ts';
import type { HostInventory } from '../locate.ts';
import { newResult } from '../new-result.ts';
import { SIGNALS } from './control.ts';
import type { DetachedSignal } from './control.ts';
import { decodeRequest } from './handover.ts';
import type { Answer, ClusterAccess, DetachedRequest } from './handover.ts';
import { eachLine } from './lines.ts';
import { makePlace } from './place.ts';
import type { Place } from './place.ts';
import { ExecutionStore } from './store.ts';

/** What a supervisor is made from. */
export interface SupervisorParts {
  /** To the caller: the request comes from it, and the answer goes to it. It may close at any time. */
  readonly channel: Duplex;
  readonly start: typeof startExecution;
  /** The clusters that the caller would ask. */
  readonly clusters: (access: ClusterAccess) => Required<HostInventory>['clusters'];
  /** Passes the signals that this process gets on to the command; returns what stops it. */
  readonly forwardSignals: (execution: Execution) => () => void;
}

/**
 * Runs one detached execution to its end, in a process of its own that outlives the caller. Without a complete request
 * it does nothing at all; with one it goes on whatever becomes of the caller.
 */
export async function superviseExecution(parts: SupervisorParts): Promise<void> {
  const signals = new Mailbox();
  const request = await receive(parts.channel, signals);
  if (request === undefined) return;
  // In memory only: what a process was started with can be read by others of its user for as long as it runs.
  Object.assign(process.env, request.environment);
  const answer = new AnswerOnce(parts.channel);
  const { id, target, command, options } = request;
  const store = new ExecutionStore(request.directory);
  const begun = newResult(id, command, new Date());
  let place: Place | undefined;
  try {
    place = await makePlace(
      store,
      id,
      { container: target, command: begun.command, startedAt: begun.startedAt },
      options.maxOutputBytes,
      (signal) => signals.put(signal),
    );
    const onStarted = (notice: StartNotice): void =>
      void answer.give({ kind: 'started', ...notice, startedAt: begun.startedAt });
    const result = { ...(await run(request, place, parts, signals, onStarted)), startedAt: begun.startedAt };
    if (answer.given) {
      await place.publish(result);
      store.prune(request.keepMs);
    } else {
      place.remove();
      await answer.give({ kind: 'not-started', result });
    }
  } catch (error) {
    // The command has run, and its result is lost: its folder says so as long as it is kept.
    if (answer.given) throw error;
    place?.remove();
    if (!isLxcriError(error)) await answer.give({ kind: 'broken', stack: stackOf(error) });
    else {
      const result = { ...begun, exitCode: error.exitCode, error: error.toInfo() };
      await answer.give({ kind: 'not-started', result });
    }
  }
}

async function run(
  { id, inventory: host, clusters: access, target, command, options }: DetachedRequest,
  { stdout, stderr }: Place,
  { start, clusters, forwardSignals }: SupervisorParts,
  signals: Mailbox,
  onStarted: (notice: StartNotice) => void,
): Promise<ExecResult> {
  const inventory = access === undefined ? host : { ...host, clusters: clusters(access) };
  const execution = start(inventory, target, command, {
    ...options,
    id,
    stdin: 'none',
    stdout: { sink: (chunk) => stdout.write(chunk) },
    stderr: { sink: (chunk) => stderr.write(chunk) },
    onStarted,
  });
  const stopForwarding = forwardSignals(execution);
  signals.open((signal) => (signal === 'SIGKILL' ? execution.kill() : execution.signal(signal)));
  try {
    return await execution.result;
  } finally {
    stopForwarding();
  }
}

/** Holds signals until there is an execution to take them. */
class Mailbox {
  #waiting: DetachedSignal[] = [];
  #take: ((signal: DetachedSignal) => void) | undefined;

  put(signal: DetachedSignal): void {
    if (this.#take === undefined) this.#waiting.push(signal);
    else this.#take(signal);
  }

  open(take: (signal: DetachedSignal) => void): void {
    this.#take = take;
    for (const signal of this.#waiting.splice(0)) take(signal);
  }
}

/** Tells the caller how it went; only the first answer counts. */
class AnswerOnce {
  readonly #channel: Duplex;
  #given = false;

  constructor(channel: Duplex) {
    this.#channel = channel;
  }

  get given(): boolean {
    return this.#given;
  }

  /** Resolves when it is handed over, or the caller has gone. */
  give(answer: Answer): Promise<void> {
    this.#given = true;
    return new Promise((resolve) => this.#channel.end(`${JSON.stringify(answer)}\n`, () => resolve()));
  }
}

/** Reads the request; `undefined` when the caller ended before it was complete. What follows it are names of signals. */
function receive(channel: Duplex, signals: Mailbox): Promise<DetachedRequest | undefined> {
  let received = false;
  return new Promise((resolve) => {
    const closed = eachLine(channel, Number.POSITIVE_INFINITY, (line) => {
      if (received) {
        const signal = SIGNALS.find((name) => name === line);
        if (signal !== undefined) signals.put(signal);
        return;
      }
      received = true;
      resolve(decodeRequest(line));
    });
    void closed.then(() => resolve(undefined));
  });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
