/**
 * Every error the product reports, by code, with the exit code the CLI gives for it.
 * The codes and exit codes are the CLI contract: programs match on them.
 */

/** Exit code of the CLI for each error code. */
export const ERROR_EXIT_CODES = {
  MissingContainerId: 125,
  MissingCommand: 125,
  UsageError: 125,
  ContainerNotFound: 125,
  AmbiguousContainer: 125,
  ContainerNotRunning: 125,
  ContainerFrozen: 125,
  ContainerLocked: 125,
  LockHeld: 125,
  PlatformUnreachable: 125,
  NoMethodAvailable: 125,
  PermissionDenied: 125,
  AuthenticationFailed: 125,
  WorkdirNotFound: 125,
  UserNotFound: 125,
  ConfigError: 125,
  InvalidExecutionId: 125,
  ExecutionRunning: 125,
  OperationFailed: 125,
  InternalError: 125,
  CommandNotExecutable: 126,
  CommandNotAllowed: 126,
  CommandNotFound: 127,
  ExecutionTimeout: 124,
  ConnectionLost: 255,
} as const;

/** What went wrong, for programs to match on. */
export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

/** An error in the form it has in a structured result. */
export interface ErrorInfo {
  code: ErrorCode;
  /** One line that says what is wrong. */
  message: string;
  /** What to do next. */
  hint?: string;
}

/**
 * An error of ours: a stable code, one line that says what is wrong, and a hint that says what to do next.
 * It never holds a secret, and text that came from a container is quoted by whoever renders it.
 */
export class LxcriError extends Error {
  override readonly name = 'LxcriError';
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }

  /** The CLI's exit code for this error. */
  get exitCode(): number {
    return ERROR_EXIT_CODES[this.code];
  }

  /** The form this error has in a structured result. */
  toInfo(): ErrorInfo {
    return { code: this.code, message: this.message, ...(this.hint === undefined ? {} : { hint: this.hint }) };
  }
}

/** True for errors of ours; by shape, because two bundles of this product can meet in one process. */
export function isLxcriError(error: unknown): error is LxcriError {
  return error instanceof Error && error.name === 'LxcriError' && (error as LxcriError).code in ERROR_EXIT_CODES;
}
