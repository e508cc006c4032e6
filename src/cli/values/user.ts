import { LxcriError } from '../../model/errors.ts';
import type { UserSpec } from '../../model/request.ts';
import { userSpecOf } from '../../model/rules.ts';

/**
 * Parses `USER`, `USER:GROUP`, `UID` or `UID:GID`.
 *
 * @throws LxcriError `UsageError`
 */
export function parseUser(text: string): UserSpec {
  const user = userSpecOf(text);
  if (user !== undefined) return user;
  throw new LxcriError(
    'UsageError',
    `--user: ${JSON.stringify(text.slice(0, 80))} is not a user`,
    'write USER, USER:GROUP, UID or UID:GID',
  );
}
