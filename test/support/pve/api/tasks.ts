/** The tasks of one node: what runs behind a UPID, and what it has said. */
import { authId, type Caller } from './access/accounts.ts';
import { hex8 } from './access/tickets.ts';

export interface Task {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** In seconds since 1970. */
  readonly startTime: number;
  readonly type: string;
  readonly id: string;
  readonly owner: Caller;
  readonly log: string[];
  /** Of the work; aborted when somebody stops the task. */
  readonly signal: AbortSignal;
  /** None while it runs: `OK`, or what went wrong. */
  exitStatus: string | undefined;
  /** In seconds since 1970; none while it runs. */
  endTime: number | undefined;
}

/** What a task does: its lines go to the log, and an error ends it. */
export type Work = (log: (line: string) => void, signal: AbortSignal) => Promise<void>;

const UPID =
  /^UPID:([a-zA-Z0-9-]+):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;
const INTERRUPTED = 'received interrupt';

export class Tasks {
  readonly #node: string;
  readonly #now: () => number;
  readonly #tasks = new Map<string, Task>();
  readonly #stops = new Map<string, AbortController>();
  readonly #work = new Set<Promise<void>>();
  #lastPid = 0x2f00;

  /** @param now in seconds since 1970. */
  constructor(node: string, now: () => number) {
    this.#node = node;
    this.#now = now;
  }

  /** Starts it in the background, and gives back its UPID at once. */
  start(owner: Caller, type: string, id: string, work: Work): string {
    const stop = new AbortController();
    this.#lastPid += 1;
    const pid = this.#lastPid;
    const pstart = Math.floor(process.uptime() * 100);
    const startTime = Math.floor(this.#now());
    const upid = `UPID:${this.#node}:${hex8(pid)}:${hex8(pstart)}:${hex8(startTime)}:${type}:${id}:${authId(owner)}:`;
    const identity = { upid, node: this.#node, pid, pstart, startTime, type, id, owner };
    const task: Task = { ...identity, log: [], signal: stop.signal, exitStatus: undefined, endTime: undefined };
    this.#tasks.set(upid, task);
    this.#stops.set(upid, stop);
    const done = this.#run(task, work).finally(() => this.#work.delete(done));
    this.#work.add(done);
    return upid;
  }

  find(upid: string): Task | undefined {
    return this.#tasks.get(upid);
  }

  /** Those that have run or run, the first first. */
  all(): Task[] {
    return [...this.#tasks.values()];
  }

  /** A task that has ended stays as it is. */
  stop(upid: string): void {
    this.#stops.get(upid)?.abort();
  }

  /** Stops all and waits for their ends. */
  async close(): Promise<void> {
    for (const stop of this.#stops.values()) stop.abort();
    await Promise.all(this.#work);
  }

  async #run(task: Task, work: Work): Promise<void> {
    // The answer with the UPID goes first.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      await work((line) => task.log.push(line), task.signal);
      task.log.push('TASK OK');
      task.exitStatus = 'OK';
    } catch (error) {
      const reason = task.signal.aborted ? INTERRUPTED : (error as Error).message.trimEnd();
      task.log.push(`TASK ERROR: ${reason}`);
      task.exitStatus = reason;
    }
    task.endTime = Math.floor(this.#now());
  }
}

export function isUpid(text: string): boolean {
  return UPID.test(text);
}

/** Owners see their tasks, and users those of their tokens; a token sees none of its user's or of another token. */
export function owns(caller: Caller, { owner }: Task): boolean {
  return owner.user === caller.user && (caller.token === undefined || caller.token === owner.token);
}
