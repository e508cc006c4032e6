import { startExecution } from './execution.ts';
import type { HostInventory } from './locate.ts';
import { usersIn } from './own-users.ts';
import { parseReference } from './reference.ts';

/** Names are a nicety: a container that takes longer for them is not waited for. */
const TIMEOUT_MS = 2000;
const KILL_AFTER_MS = 200;

/** Room for some ten thousand users. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** The file first, which cannot block; then what else the container gets its users from (LDAP, systemd), by number. */
const SCRIPT = 'cat /etc/passwd; command -v getent >/dev/null 2>&1 && getent passwd "$@"';

/**
 * Asks a running container for the names of users. It is asked from inside, because its files may be links that lead
 * elsewhere on this host; and one that gives no answer, or none of use, has no names.
 *
 * @param target the container reference as typed.
 * @param uids by the container's numbering.
 */
export async function userNames(
  inventory: HostInventory,
  target: string,
  uids: ReadonlySet<number>,
  node: string | undefined,
): Promise<Map<number, string>> {
  if (uids.size === 0) return new Map();
  const words = ['/bin/sh', '-c', SCRIPT, 'sh', ...[...uids].map(String)];
  const { result } = startExecution(inventory, target, words, {
    node,
    // Nothing that asks other hosts.
    methods: [parseReference(target).scheme === 'docker' ? 'docker' : 'lxc-attach'],
    stderr: 'ignore',
    maxOutputBytes: MAX_OUTPUT_BYTES,
    timeoutMs: TIMEOUT_MS,
    killAfterMs: KILL_AFTER_MS,
  });
  const { stdout, stdoutEncoding } = await result;
  return parseUsers(Buffer.from(stdout, stdoutEncoding).toString('utf8'), uids);
}

/** The first name of each of these users in text of the form of passwd(5). */
export function parseUsers(text: string, uids: ReadonlySet<number>): Map<number, string> {
  const names = new Map<number, string>();
  for (const { name, uid } of usersIn(text)) if (uids.has(uid) && !names.has(uid)) names.set(uid, name);
  return names;
}
