import type { Word } from '../model/request.ts';
import { EXEC_FLAGS } from './flags.ts';
import type { ExecFlagName } from './flags.ts';
import { parseWords } from './parse-words.ts';
import type { Grammar, ParsedWords } from './parse-words.ts';

/** The words of an `exec` call, sorted out but not yet understood. */
export interface ExecWords extends Pick<ParsedWords<ExecFlagName>, 'command' | 'flags'> {
  /** `undefined` when there is none. */
  readonly container: string | undefined;
}

export const USAGE = 'usage: proxmox-lxcri exec [FLAGS] CONTAINER [FLAGS] [--] COMMAND [ARG...]';

export const EXEC_GRAMMAR: Grammar<ExecFlagName> = {
  verb: 'exec',
  usage: USAGE,
  flags: EXEC_FLAGS,
  operands: ['container name'],
  commandFollows: true,
};

/** Whether the words name containers of Kubernetes in a way that may mean several: by flags, or by a workload. */
export function namesSeveral({ container, flags }: ExecWords): boolean {
  if (flags.has('task') || flags.has('container') || flags.has('namespace')) return true;
  return container !== undefined && /^k8s:.*:/.test(container);
}

/**
 * Splits the words after `exec`.
 *
 * @throws LxcriError `UsageError` for a flag of ours that is unknown or lacks its value.
 */
export function parseExecWords(words: readonly Word[]): ExecWords {
  const { operands, command, flags } = parseWords(words, EXEC_GRAMMAR);
  return { container: operands[0], command, flags };
}
