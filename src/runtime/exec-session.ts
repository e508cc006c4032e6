import type { Readable, Writable } from 'node:stream';

import type { ContainerIdentity } from '../model/container.ts';
import type { MethodName } from '../model/request.ts';
import type { ExecResult } from '../model/result.ts';
import type { ForwardedSignal } from '../model/session.ts';
import type { InputMode, OutputMode } from './exec-options.ts';

/** A stream that is there where `pipe` was asked for. */
export type PipeOf<Mode, Stream> = Mode extends 'pipe' ? Stream : null;

/** The signals that a session passes on; SIGKILL ends the whole tree at once. */
export type SessionSignal = ForwardedSignal | 'SIGKILL';

/** A command that has started. */
export interface ExecStart {
  readonly container: ContainerIdentity;
  /** The method that started it. */
  readonly method: MethodName;
}

/**
 * A command on its way. Await it for the result; until then it can be written to, read from, resized and signalled.
 *
 * It never rejects for anything that a user or a container can cause: whatever happens comes as one {@link ExecResult}, so
 * that no outcome takes another way through a program. Look at its `error` and its `exitCode`.
 */
export interface ExecSession<
  Stdin extends InputMode = InputMode,
  Stdout extends OutputMode = OutputMode,
  Stderr extends OutputMode = OutputMode,
> extends Promise<ExecResult> {
  /** Unique; it is also the result's `id`. */
  readonly id: string;
  /**
   * The command's standard input, with `stdin: 'pipe'`. Call its `end()`: to destroy it earlier cancels the execution. When
   * the command closes it, or ends, it is destroyed. The callback of a write comes when the bytes have left for the command:
   * their buffer can be used again.
   */
  readonly stdin: PipeOf<Stdin, Writable>;
  /**
   * The command's standard output, with `stdout: 'pipe'`. Read it to its end, or destroy it: a command whose output nobody
   * reads waits, and the result waits for a reader who has begun. To destroy it gives the command SIGPIPE at its next write.
   */
  readonly stdout: PipeOf<Stdout, Readable>;
  /** The command's standard error, with `stderr: 'pipe'`, as `stdout`. */
  readonly stderr: PipeOf<Stderr, Readable>;
  /** Resolves when the command has started, or to `null` when it never will; never rejects. */
  readonly started: Promise<ExecStart | null>;
  /** Resolves when the command itself has ended, although output of it may still have to be read; never rejects. */
  readonly exited: Promise<void>;
  /** Changes the size of the command's terminal; without one, and before the start, it has no effect. */
  resize(columns: number, rows: number): void;
  /**
   * Passes a signal on. SIGTERM (the default), SIGINT, SIGHUP and SIGQUIT cancel the execution, also before its start, and
   * start the clock of `killAfterMs`; the others have no effect before the start. Without effect after the end.
   */
  kill(signal?: SessionSignal): void;
}
