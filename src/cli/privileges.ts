import type { Word } from '../model/request.ts';
import { refuseUnlessRoot } from '../oci/privileges.ts';
import { shellWord } from '../values/shell-word.ts';

/**
 * Refuses callers that are not root, with the command that works.
 *
 * @param words the words of the call, to be shown again.
 * @param maskValues leaves out what follows the "=" of a variable's name.
 * @throws LxcriError `PermissionDenied`
 */
export function requireRoot(words: readonly Word[], maskValues = true): void {
  refuseUnlessRoot(() => asRoot(words, maskValues));
}

/** The hint that shows a call as root would make it. */
export function asRoot(words: readonly Word[], maskValues: boolean): string {
  return `run: sudo proxmox-lxcri ${words.map((word) => shown(word, maskValues)).join(' ')}`;
}

function shown(word: Word, maskValues: boolean): string {
  const text = typeof word === 'string' ? word : Buffer.from(word).toString('utf8');
  const masked = !maskValues ? text : text.replace(/^((?:--env=|-[A-Za-z]*e=?)?[A-Za-z_][A-Za-z0-9_]*=).*/s, '$1...');
  return shellWord(masked);
}
