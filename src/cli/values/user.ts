import { LxcriError } from '../../model/errors.ts';
import type { UserSpec } from '../../model/request.ts';

/** Names as useradd(8) accepts them in practice, and numbers up to the kernel's highest id. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}\$?$/;
const MAX_ID = 4_294_967_294;

/**
 * Parses `USER`, `USER:GROUP`, `UID` or `UID:GID`.
 *
 * @throws LxcriError `UsageError`
 */
export function parseUser(text: string): UserSpec {
  const [user = '', group, ...rest] = text.split(':');
  if (rest.length > 0 || !isNameOrId(user) || (group !== undefined && !isNameOrId(group))) {
    throw new LxcriError(
      'UsageError',
      `--user: ${JSON.stringify(text.slice(0, 80))} is not a user`,
      'write USER, USER:GROUP, UID or UID:GID',
    );
  }
  return group === undefined ? { user } : { user, group };
}

function isNameOrId(text: string): boolean {
  return /^\d+$/.test(text) ? Number(text) <= MAX_ID : NAME.test(text);
}
