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
  const texts = words.map((word) => (typeof word === 'string' ? word : Buffer.from(word).toString('utf8')));
  const shown = maskValues ? texts.map((text, index) => masked(text, texts[index - 1])) : texts;
  return `run: sudo proxmox-lxcri ${shown.map(shellWord).join(' ')}`;
}

/** Behind a flag a name may be anything. */
function masked(text: string, before = ''): string {
  const entry = /^(--env|-[A-Za-z]*e)$/.test(before) ? /^([^=]+=).*/s : /^((?:--env=|-[A-Za-z]*e=?)[^=]+=).*/s;
  return text.replace(entry, '$1...').replace(/^([A-Za-z_][A-Za-z0-9_]*=).*/s, '$1...');
}
