import { LxcriError } from './errors.ts';

/** The error of something that we did not foresee: it is our mistake, and only where it was made is of use to anybody. */
export function internalError(error: unknown): LxcriError {
  const { name, stack = '' } = error instanceof Error ? error : new Error(String(error));
  const place = /^\s*at .*?([^/\\(\s]+:\d+:\d+)\)?$/m.exec(stack)?.[1];
  return new LxcriError(
    'InternalError',
    `proxmox-lxcri itself has failed (${name}${place === undefined ? '' : ` at ${place}`})`,
    'look what has been done; and please report it, with what was called',
    { cause: error },
  );
}
