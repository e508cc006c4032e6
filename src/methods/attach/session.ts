import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import type { ProcessTree } from '../../process/tree.ts';
import type { Watchdog } from '../../process/watchdog.ts';

/** How long the attaching program may outlive the command's tree before it is ended too. */
const HELPER_GRACE_MS = 1000;

/** What the attaching program is to us: a child process, a child behind a pseudo-terminal, or one on another node. */
export interface Helper {
  /** Resolves when it has ended. */
  readonly ended: Promise<HelperEnd>;
  kill(signal: NodeJS.Signals): void;
}

/** An attaching program on this host. */
export interface LocalHelper extends Helper {
  readonly pid: number;
}

/** How the attaching program ended. */
export interface HelperEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why nothing is known of its end: the connection to its node was lost. */
  readonly lost?: string;
}

/** The processes of the command, wherever they are. */
export type CommandTree = Pick<ProcessTree, 'commandPid' | 'signalCommand' | 'signalCommandGroup' | 'kill'>;

/** The parts of a session. */
export interface AttachedSessionParts {
  readonly helper: Helper;
  readonly tree: CommandTree;
  /** What ends the tree if we die; to be dismissed when what is left of it is meant to stay. */
  readonly watchdog: Pick<Watchdog, 'dismiss'>;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly resize: (columns: number, rows: number) => void;
  /** Gives back what the helper has changed of ours: the terminal, where it worked on that, and the permissions of files. */
  readonly giveBack: () => void;
  /** Looks at what the helper logged, and may find that the command never ran. */
  readonly judgeExit: (exitCode: number) => SessionExit;
}

/** A command that runs in a container through an attaching program. */
export class AttachedSession implements Session {
  readonly treeKill = true;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly #parts: AttachedSessionParts;
  #ended = false;

  constructor(parts: AttachedSessionParts) {
    this.#parts = parts;
    this.stdin = parts.stdin;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    this.exit = parts.helper.ended.then(({ code, signal, lost }) => {
      this.#ended = true;
      if (lost !== undefined) return { kind: 'lost', reason: lost };
      // The attaching program passes the command's status on as an exit code; if a signal ended the program itself, the status is lost.
      if (code === null) return { kind: 'lost', reason: `the attaching program was ended by ${signal ?? 'a signal'}` };
      return parts.judgeExit(code);
    });
  }

  resize(columns: number, rows: number): void {
    this.#parts.resize(columns, rows);
  }

  signal(signal: ForwardedSignal): void {
    if (this.#ended) return;
    const { tree } = this.#parts;
    const concernsOne = signal === 'SIGUSR1' || signal === 'SIGUSR2' || signal === 'SIGWINCH';
    if (concernsOne) tree.signalCommand(signal);
    else tree.signalCommandGroup(signal);
  }

  async kill(): Promise<boolean> {
    const { tree, helper } = this.#parts;
    const empty = await tree.kill();
    if (!this.#ended) {
      const timer = setTimeout(() => helper.kill('SIGKILL'), HELPER_GRACE_MS);
      await helper.ended;
      clearTimeout(timer);
    }
    return empty;
  }

  release(): Promise<void> {
    const dismissed = this.#parts.watchdog.dismiss();
    this.#parts.giveBack();
    return dismissed;
  }
}

/** A plain child process as an attaching program. */
export function helperOf(child: ChildProcess, pid: number): LocalHelper {
  return {
    pid,
    ended: new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal }))),
    kill: (signal) => void child.kill(signal),
  };
}
