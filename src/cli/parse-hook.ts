import type { Word } from '../model/request.ts';
import { HOOK_FLAGS } from './flags.ts';
import type { HookFlagName } from './flags.ts';
import { parseWords } from './parse-words.ts';
import type { Grammar, ParsedWords } from './parse-words.ts';

export const HOOK_USAGE = 'usage: proxmox-lxcri hook --on PHASE[,PHASE...] [FLAGS] [VMID PHASE] -- COMMAND [ARG...]';

export const HOOK_GRAMMAR: Grammar<HookFlagName> = {
  verb: 'hook',
  usage: HOOK_USAGE,
  flags: HOOK_FLAGS,
  operands: ['VMID', 'phase'],
  commandFollows: false,
};

/**
 * Splits the words after `hook`. Two words before `--` are what Proxmox calls a hookscript with; none mean an OCI hook.
 *
 * @throws LxcriError `UsageError` for a flag that is unknown or lacks its value, or a word too many.
 */
export function parseHookWords(words: readonly Word[]): ParsedWords<HookFlagName> {
  return parseWords(words, HOOK_GRAMMAR);
}
