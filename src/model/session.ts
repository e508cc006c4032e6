import type { Readable, Writable } from 'node:stream';

import type { LxcriError } from './errors.ts';

/** Signals that are passed on to the command. */
export type ForwardedSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGWINCH';

/** How a session ended. */
export type SessionExit =
  /** The command ran and ended; `signal` only where the channel reports it. */
  | {
      kind: 'exited';
      exitCode: number;
      signal: string | null;
      /** The channel itself has dropped output beyond a limit of its own. */
      truncated?: boolean;
      /** What outlived the command still held its output when the channel stopped reading. */
      outputIncomplete?: boolean;
    }
  /** It turned out that the command never ran. */
  | { kind: 'not-started'; error: LxcriError }
  /** The channel broke; what became of the command is unknown. */
  | { kind: 'lost'; reason: string };

/** A running command. */
export interface Session {
  /** `null` where the command reads our own descriptor, or nothing. */
  readonly stdin: Writable | null;
  /** `null` where the command writes to our own descriptor, or to nothing. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Whether {@link Session.kill} ends every process that the command started. */
  readonly treeKill: boolean;
  /** What whoever uses it is to know before, in one line. */
  readonly notice?: string;
  /** What this method cannot do for it, for whoever wants to know all. */
  readonly remark?: string;
  /** What is to be said where {@link Session.kill} has not ended everything; default: that such processes cannot be ended. */
  readonly leftover?: string;
  /** Settles when the command itself has ended; never rejects. */
  readonly exit: Promise<SessionExit>;
  resize(columns: number, rows: number): void;
  /** Passes a signal on; without effect once the command has ended. */
  signal(signal: ForwardedSignal): void;
  /** Ends the command and all that is left of its tree; resolves to whether nothing is left. */
  kill(): Promise<boolean>;
  /** Gives back what the session holds on this host (watchdog, terminal); call it once, after the end. */
  release(): Promise<void>;
}
