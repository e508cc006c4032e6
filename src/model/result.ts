import type { ContainerIdentity } from './container.ts';
import type { ErrorInfo } from './errors.ts';
import type { MethodName } from './request.ts';

/** Version of every JSON document we print; it grows when a reader could be surprised. */
export const SCHEMA_VERSION = 1;

/** One method of the chain and what became of it. */
export interface Attempt {
  method: MethodName;
  outcome: 'used' | 'skipped' | 'failed-before-start';
  /** Why it was passed over; of the one used, what it cannot do, where there is something. */
  reason?: string;
}

/** What happened, in full: what `--json` prints and the library returns. */
export interface ExecResult {
  schemaVersion: typeof SCHEMA_VERSION;
  /** Unique; the processes of the command carry it in their environment, as `PROXMOX_LXCRI_EXEC_ID`. */
  id: string;
  /** `null` when no container was found. */
  container: ContainerIdentity | null;
  /** The method that ran the command; `null` when none did. */
  method: MethodName | null;
  /** The words as typed; bytes that are not UTF-8 show as U+FFFD here, the command got them unchanged. */
  command: string[];
  /** What the CLI exits with. */
  exitCode: number;
  /** The signal that ended the command, only where the channel reports it. */
  signal: string | null;
  /** What was captured of the command's output; empty where it went elsewhere. */
  stdout: string;
  stderr: string;
  /** How to read `stdout`: base64 where it is not valid UTF-8. */
  stdoutEncoding: 'utf8' | 'base64';
  /** How to read `stderr`. */
  stderrEncoding: 'utf8' | 'base64';
  /** Output beyond the capture limit was dropped. */
  truncated: boolean;
  /**
   * A process that outlived the command still held an output pipe when we stopped reading, or nobody read a piped stream.
   */
  outputIncomplete: boolean;
  /** It did not end in its time, and was ended. */
  timedOut: boolean;
  /** It was asked to end from here, by a signal. */
  canceled: boolean;
  /** The exit status was lost after the start: what the command has done, or after a timeout or signal whether it was ended, is unknown. */
  connectionLost: boolean;
  /** Whether the command ran at all. */
  started: boolean;
  /** Whether a timeout or cancellation ends every process the command started. */
  treeKill: boolean;
  /** ISO 8601, UTC, with milliseconds. */
  startedAt: string;
  /** From the call to its end, in milliseconds. */
  durationMs: number;
  /** What became of each method of the chain, in order. */
  attempts: Attempt[];
  /** Why we failed, or the command never ran; `null` when it ran and ended, whatever its exit code. */
  error: ErrorInfo | null;
}
