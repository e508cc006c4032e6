import { setTimeout as sleep } from 'node:timers/promises';

import { allProcesses, childrenOf, environmentValueOf, isContainerized, pidNamespaceOf, readProcess } from './proc.ts';
import type { ProcessInfo } from './proc.ts';
import { heldPipes, streamPipes } from './stream-pipes.ts';
import { markByTimerSlack, timerSlackFor, timerSlackOf } from './timer-slack.ts';

/** The environment variable that marks every process of an execution. */
export const TAG_VARIABLE = 'PROXMOX_LXCRI_EXEC_ID';

/** How long a tree may resist SIGKILL (uninterruptible sleep, a frozen cgroup) before we say so. */
const KILL_DEADLINE_MS = 5000;
const KILL_INTERVAL_MS = 10;

/**
 * The processes that a command started, seen from the host, although they live in a container and `lxc-attach` does not
 * pass signals on. They are found by several marks, because each alone can be shed: descent (lost when a parent ends),
 * the session (left with setsid), the environment tag (cleared with `env -i`), the timer slack, and having been seen
 * before. No mark leads to a foreign process: the session is one that we made, and the tag is a random UUID.
 *
 * The timer slack marks what has shed all else. As two executions can by chance have the same, it counts only in the
 * command's own pid namespace, for processes younger than the execution and without another execution's tag.
 */
export class ProcessTree {
  readonly #execId: string;
  readonly #helperPid: number;
  readonly #helperStartTime: number;
  readonly #timerSlack: number;
  readonly #pidNamespace: string | undefined;
  readonly #sessions: Set<number>;
  /** The command, where it is not our child's child: then it is itself what all descends from. */
  readonly #isCommand: boolean;
  /** Pipes that only the command's own processes hold. */
  readonly #pipes: Set<string>;
  #pipesAreSorted = false;
  readonly #outputs: ReadonlySet<string>;
  readonly #seen = new Map<number, number>();
  #commandPid: number | undefined;
  #resisted = false;

  /**
   * @param execId the execution's id, the value of {@link TAG_VARIABLE}.
   * @param helperPid the attaching program on the host (`lxc-attach`, or `pct` which becomes it), our child.
   * @param ownSession whether the helper leads a session of its own, which the command then belongs to.
   * @param initPid the container's init process.
   * @param isCommand the pid is that of the command itself, which another program has started.
   */
  constructor(execId: string, helperPid: number, ownSession: boolean, initPid: number | undefined, isCommand = false) {
    this.#execId = execId;
    this.#helperPid = helperPid;
    this.#helperStartTime = readProcess(helperPid)?.startTime ?? Number.POSITIVE_INFINITY;
    this.#timerSlack = timerSlackFor(execId);
    this.#pidNamespace = initPid === undefined ? undefined : pidNamespaceOf(initPid);
    this.#sessions = new Set(ownSession ? [helperPid] : []);
    this.#isCommand = isCommand;
    this.#outputs = new Set(isCommand ? streamPipes(helperPid, [1, 2]) : []);
    this.#pipes = new Set(isCommand ? streamPipes(helperPid) : []);
  }

  /**
   * The tree of a command that was started by another program: an engine, which did not give it our marks. What it starts
   * from now on inherits one; before that, those hold the pipes that the engine made for it.
   */
  static ofCommand(execId: string, pid: number, initPid: number): ProcessTree {
    markByTimerSlack(pid, execId);
    const leadsSession = readProcess(pid)?.session === pid;
    return new ProcessTree(execId, pid, leadsSession, initPid, true);
  }

  /** The command's own streams, unless somebody older holds them: they may lead into the container's log. */
  get #ownPipes(): ReadonlySet<string> {
    const pipes = this.#pipes;
    if (pipes.size === 0 || this.#pipesAreSorted) return pipes;
    this.#pipesAreSorted = true;
    for (const { pid, startTime } of allProcesses()) {
      if (startTime >= this.#helperStartTime || !this.#isInContainer(pid)) continue;
      for (const pipe of streamPipes(pid)) pipes.delete(pipe);
    }
    return pipes;
  }

  /** Whether a process of the tree still holds what the command was started with as its output. */
  holdsOutput(): boolean {
    return this.members().some(({ pid }) => heldPipes(pid).some((pipe) => this.#outputs.has(pipe)));
  }

  /** The command itself, by the host's numbering; known once it has started and while it runs. */
  get commandPid(): number | undefined {
    if (this.#isCommand) return this.#helperRuns() ? this.#helperPid : undefined;
    if (this.#commandPid === undefined) {
      // While it attaches, the program also has a passing child of its own, outside.
      this.#commandPid = childrenOf(this.#helperPid).find((pid) =>
        this.#pidNamespace === undefined ? isContainerized(pid) : pidNamespaceOf(pid) === this.#pidNamespace,
      );
      // With a terminal, lxc-attach gives the command a session of its own.
      if (this.#commandPid !== undefined && readProcess(this.#commandPid)?.session === this.#commandPid) {
        this.#sessions.add(this.#commandPid);
      }
    }
    return this.#commandPid;
  }

  /** Sends a signal to the command alone. */
  signalCommand(signal: NodeJS.Signals): void {
    const pid = this.commandPid;
    if (pid !== undefined) send(pid, signal);
  }

  /**
   * Sends a signal to the command's process group, and to the foreground group of its terminal: what a terminal does
   * with Ctrl-C. A shell that waits for a child would else go on waiting.
   */
  signalCommandGroup(signal: NodeJS.Signals): void {
    const command = this.commandPid === undefined ? undefined : readProcess(this.commandPid);
    if (command === undefined) return;
    for (const member of this.members()) {
      if (member.group === command.group || member.group === command.foregroundGroup) send(member.pid, signal);
    }
  }

  /** Ends every process of the tree, and looks again until none is left; resolves to whether none is. */
  async kill(): Promise<boolean> {
    // What has resisted once is tried once more, and not waited for again.
    const deadline = Date.now() + (this.#resisted ? 0 : KILL_DEADLINE_MS);
    for (;;) {
      const members = this.members();
      if (members.length === 0) return true;
      for (const { pid } of members) send(pid, 'SIGKILL');
      if (Date.now() > deadline) {
        this.#resisted = true;
        return false;
      }
      await sleep(KILL_INTERVAL_MS);
    }
  }

  /** The living processes of the tree, the attaching program not included. */
  members(): ProcessInfo[] {
    // Asked for here so that its session is known before the search.
    void this.commandPid;
    const processes = allProcesses().filter((info) => info.state !== 'Z' && info.state !== 'X');
    const byParent = new Map<number, ProcessInfo[]>();
    for (const info of processes) {
      const siblings = byParent.get(info.parent);
      if (siblings === undefined) byParent.set(info.parent, [info]);
      else siblings.push(info);
    }
    const found = new Map<number, ProcessInfo>();
    const add = (info: ProcessInfo): void => {
      if (found.has(info.pid) || info.pid === process.pid) return;
      if (info.pid === this.#helperPid && !this.#isCommand) return;
      found.set(info.pid, info);
      for (const child of byParent.get(info.pid) ?? []) add(child);
    };
    if (this.#helperRuns()) {
      const roots = this.#isCommand
        ? processes.filter(({ pid }) => pid === this.#helperPid)
        : (byParent.get(this.#helperPid) ?? []);
      for (const root of roots) add(root);
    }
    for (const info of processes) if (!found.has(info.pid) && this.#isMarked(info)) add(info);
    for (const { pid, startTime } of found.values()) this.#seen.set(pid, startTime);
    return [...found.values()];
  }

  /** Once the program has ended, its number may belong to somebody else. */
  #helperRuns(): boolean {
    return readProcess(this.#helperPid)?.startTime === this.#helperStartTime;
  }

  #isMarked(info: ProcessInfo): boolean {
    if (this.#seen.get(info.pid) === info.startTime || this.#sessions.has(info.session)) return true;
    const tag = environmentValueOf(info.pid, TAG_VARIABLE);
    if (tag === this.#execId) return true;
    const ofAnother = tag !== undefined && EXEC_ID.test(tag);
    return (
      !ofAnother &&
      info.startTime >= this.#helperStartTime &&
      (timerSlackOf(info.pid) === this.#timerSlack || this.#holdsOurPipe(info.pid)) &&
      this.#isInContainer(info.pid)
    );
  }

  #holdsOurPipe(pid: number): boolean {
    const pipes = this.#ownPipes;
    return pipes.size > 0 && streamPipes(pid).some((pipe) => pipes.has(pipe));
  }

  /** In the container's pid namespace, or in one nested in it: then a forebear is in the container's. */
  #isInContainer(pid: number): boolean {
    if (this.#pidNamespace === undefined || !isContainerized(pid)) return false;
    if (pidNamespaceOf(pid) === this.#pidNamespace) return true;
    const parent = readProcess(pid)?.parent ?? 0;
    return parent > 1 && this.#isInContainer(parent);
  }
}

/** The form of an execution's id. */
const EXEC_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
