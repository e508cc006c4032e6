import type { ContainerIdentity } from './container.ts';
import type { ErrorInfo } from './errors.ts';
import type { MethodName } from './request.ts';

/** Version of every JSON document we print; it grows when a reader could be surprised. */
export const SCHEMA_VERSION = 1;

/** One method of the chain and what became of it. */
export interface Attempt {
  method: MethodName;
  outcome: 'used' | 'skipped' | 'failed-before-start';
  /** Why it was passed over; absent for the one used. */
  reason?: string;
}

/** What happened, in full: what `--json` prints and the library returns. */
export interface ExecResult {
  schemaVersion: typeof SCHEMA_VERSION;
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
  stdout: string;
  stderr: string;
  stdoutEncoding: 'utf8' | 'base64';
  stderrEncoding: 'utf8' | 'base64';
  /** Output beyond the capture limit was dropped. */
  truncated: boolean;
  /** A process that outlived the command still held an output pipe when we stopped reading. */
  outputIncomplete: boolean;
  timedOut: boolean;
  canceled: boolean;
  connectionLost: boolean;
  started: boolean;
  /** Whether a timeout or cancellation ends every process the command started. */
  treeKill: boolean;
  /** ISO 8601, UTC, with milliseconds. */
  startedAt: string;
  durationMs: number;
  attempts: Attempt[];
  error: ErrorInfo | null;
}
