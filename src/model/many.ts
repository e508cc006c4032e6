import type { ErrorInfo } from './errors.ts';
import type { ExecResult, SCHEMA_VERSION } from './result.ts';

/** What happened in one of several containers. */
export interface TargetResult extends ExecResult {
  /** The container as it was named. */
  target: string;
}

/** What happened in several containers: what `--json` prints and the library returns. */
export interface ManyResult {
  schemaVersion: typeof SCHEMA_VERSION;
  /** What the CLI exits with: the largest of the results' exit codes. */
  exitCode: number;
  /** One for each target, in their order. */
  results: TargetResult[];
  /** Why nothing was started; `null` when anything was, or a signal came first. */
  error: ErrorInfo | null;
}
