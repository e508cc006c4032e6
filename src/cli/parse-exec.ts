import { LxcriError } from '../model/errors.ts';
import type { Word } from '../model/request.ts';
import { EXEC_FLAGS } from './flags.ts';
import type { ExecFlagName, FlagSpec } from './flags.ts';

/** The words of an `exec` call, sorted out but not yet understood. */
export interface ExecWords {
  /** `undefined` when there is none. */
  readonly container: string | undefined;
  /** The command's words, exactly as typed. */
  readonly command: readonly Word[];
  /** The values of each flag given, in order; `''` stands for a flag without a value. */
  readonly flags: ReadonlyMap<ExecFlagName, readonly string[]>;
}

export const USAGE = 'usage: proxmox-lxcri exec [FLAGS] CONTAINER [FLAGS] [--] COMMAND [ARG...]';

/** Pairs of flags that undo each other: the last one wins, as in aliases and scripts. */
const OPPOSITES: Partial<Record<ExecFlagName, ExecFlagName>> = {
  tty: 'no-tty',
  'no-tty': 'tty',
  stdin: 'no-stdin',
  'no-stdin': 'stdin',
};

/**
 * Splits the words after `exec`. Our flags end at `--` or at the first word of the command; from there on every word
 * belongs to the command, whatever it looks like. oclif's own parser reorders and swallows such words.
 *
 * @throws LxcriError `UsageError` for a flag of ours that is unknown or lacks its value.
 */
export function parseExecWords(words: readonly Word[]): ExecWords {
  const flags = new Map<ExecFlagName, string[]>();
  const add = (name: ExecFlagName, value: string): void => {
    const opposite = OPPOSITES[name];
    if (opposite !== undefined) flags.delete(opposite);
    const values = flags.get(name);
    if (values === undefined) flags.set(name, [value]);
    else values.push(value);
  };
  let container: string | undefined;
  let index = 0;
  for (; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      index++;
      break;
    }
    if (typeof word === 'string' && word.startsWith('-') && word !== '-') {
      index += word.startsWith('--') ? parseLong(word, words[index + 1], add) : parseShort(word, words[index + 1], add);
      continue;
    }
    if (container !== undefined) break;
    if (typeof word !== 'string') throw new LxcriError('UsageError', 'the container name is not valid UTF-8', USAGE);
    container = word;
  }
  return { container, command: words.slice(index), flags };
}

type Add = (name: ExecFlagName, value: string) => void;

/** Parses `--name`, `--name=value` or `--name value`; returns how many further words it took. */
function parseLong(word: string, next: Word | undefined, add: Add): number {
  const equals = word.indexOf('=');
  const typed = word.slice(2, equals === -1 ? undefined : equals);
  const spec = flagNamed(typed);
  if (spec === undefined) throw new UnknownFlagError(`--${typed}`, typed);
  if (spec.value === undefined) {
    if (equals !== -1) throw new LxcriError('UsageError', `--${typed} takes no value`, USAGE);
    add(spec.name, '');
    return 0;
  }
  if (equals !== -1) {
    add(spec.name, word.slice(equals + 1));
    return 0;
  }
  add(spec.name, valueWord(`--${typed}`, spec, next));
  return 1;
}

/** Parses a cluster such as `-it`, `-uroot` or `-tu root`; returns how many further words it took. */
function parseShort(word: string, next: Word | undefined, add: Add): number {
  for (let at = 1; at < word.length; at++) {
    const char = word[at] ?? '';
    const spec = SPECS.find((candidate) => candidate.char === char);
    if (spec === undefined) throw new UnknownFlagError(`-${char}`, word.slice(1));
    if (spec.value === undefined) {
      add(spec.name, '');
      continue;
    }
    const rest = word.slice(at + 1);
    if (rest !== '') {
      add(spec.name, rest.startsWith('=') ? rest.slice(1) : rest);
      return 0;
    }
    add(spec.name, valueWord(`-${char}`, spec, next));
    return 1;
  }
  return 0;
}

type Spec = FlagSpec & { readonly name: ExecFlagName };

const SPECS: readonly Spec[] = EXEC_FLAGS;

function flagNamed(typed: string): Spec | undefined {
  return SPECS.find((spec) => spec.name === typed || spec.aliases?.includes(typed));
}

function valueWord(typed: string, spec: Spec, next: Word | undefined): string {
  if (next === undefined || next === '--')
    throw new LxcriError('UsageError', `${typed} needs a value: ${spec.value ?? ''}`, USAGE);
  if (typeof next !== 'string') throw new LxcriError('UsageError', `the value of ${typed} is not valid UTF-8`, USAGE);
  return next;
}

/** A flag that we do not have. */
export class UnknownFlagError extends LxcriError {
  /** The flag's name as typed, without dashes. */
  readonly typed: string;

  constructor(shown: string, typed: string) {
    super(
      'UsageError',
      `unknown flag ${JSON.stringify(shown)}`,
      'see: proxmox-lxcri exec --help; words for the command go after the container or "--"',
    );
    this.typed = typed;
  }
}
