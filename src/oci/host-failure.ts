import { LxcriError } from '../model/errors.ts';

/** An error of this host's kernel (a full disk, too many open files) as one of ours; any other as it is. */
export function asHostFailure(error: unknown): unknown {
  if (!isSystemError(error)) return error;
  return new LxcriError(
    'PlatformUnreachable',
    `this host failed: ${error.message}`,
    'check its disk space in /run and /tmp, and its limits (ulimit -a)',
    { cause: error },
  );
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
