import type { Word } from '../model/request.ts';
import { LxcriError } from '../model/errors.ts';
import { shellWord } from '../values/shell-word.ts';

/**
 * Refuses callers that are not root, with the command that works: LXC's sockets, cgroups and /proc belong to root.
 *
 * @param words the words of the call, to be shown again.
 * @param maskValues leaves out what follows the "=" of a variable's name.
 * @throws LxcriError `PermissionDenied`
 */
export function requireRoot(words: readonly Word[], maskValues = true): void {
  if (process.geteuid?.() === 0) return;
  throw new LxcriError(
    'PermissionDenied',
    'commands in containers are run as root',
    `run: sudo proxmox-lxcri ${words.map((word) => shown(word, maskValues)).join(' ')}`,
  );
}

function shown(word: Word, maskValues: boolean): string {
  const text = typeof word === 'string' ? word : Buffer.from(word).toString('utf8');
  const masked = !maskValues ? text : text.replace(/^((?:--env=|-[A-Za-z]*e=?)?[A-Za-z_][A-Za-z0-9_]*=).*/s, '$1...');
  return shellWord(masked);
}
