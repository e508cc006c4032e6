import type { startExecution } from './execution.ts';
import type { HostInventory } from './locate.ts';

/** From the first request to end it until the question is killed. */
const KILL_AFTER_MS = 200;

/** Room for some ten thousand users. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Longer ones are no names. */
const MAX_NAME_LENGTH = 256;

/** Only the file: what else a container gets its users from may have very many. */
const OWN_USERS = ['/bin/cat', '/etc/passwd'];

/**
 * Asks a running container of this host for its own users, from inside, because its files may be links that lead elsewhere on this host.
 *
 * @param start `startExecution`, handed in by who is in another bundle.
 * @param timeoutMs one that gives no answer until then has none.
 * @returns uids, by the container's numbering, by name.
 */
export async function ownUsers(
  inventory: HostInventory,
  target: string,
  start: typeof startExecution,
  timeoutMs: number,
): Promise<Map<string, number>> {
  const { result } = start(inventory, target, OWN_USERS, {
    methods: ['lxc-attach'],
    stderr: 'ignore',
    maxOutputBytes: MAX_OUTPUT_BYTES,
    timeoutMs,
    killAfterMs: KILL_AFTER_MS,
  });
  const { stdout, stdoutEncoding } = await result;
  const users = new Map<string, number>();
  for (const { name, uid } of usersIn(Buffer.from(stdout, stdoutEncoding).toString('utf8')))
    if (!users.has(name)) users.set(name, uid);
  return users;
}

/** The usable entries of text of the form of passwd(5). */
export function* usersIn(text: string): Generator<{ name: string; uid: number }> {
  for (const line of text.split('\n')) {
    const [name = '', , digits = ''] = line.split(':');
    // A name that is a number would be read as another user.
    const isName = name !== '' && name.length <= MAX_NAME_LENGTH && !/^\d+$/.test(name);
    if (isName && /^\d{1,10}$/.test(digits)) yield { name, uid: Number(digits) };
  }
}
