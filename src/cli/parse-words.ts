import { LxcriError } from '../model/errors.ts';
import type { Word } from '../model/request.ts';
import type { FlagSpec } from './flags.ts';

/** How the words of a verb that ends in a command are read. */
export interface Grammar<Name extends string> {
  readonly verb: string;
  /** Shown with errors. */
  readonly usage: string;
  readonly flags: readonly (FlagSpec & { readonly name: Name })[];
  /** What the words before the command are, for errors. */
  readonly operands: readonly string[];
  /** Whether the word after the last operand begins the command; else only `--` does. */
  readonly commandFollows: boolean;
}

/** The words of a call, sorted out but not yet understood. */
export interface ParsedWords<Name extends string> {
  readonly operands: readonly string[];
  /** The command's words, exactly as typed. */
  readonly command: readonly Word[];
  /** The values of each flag given, in order; `''` stands for a flag without a value. */
  readonly flags: ReadonlyMap<Name, readonly string[]>;
}

/** Pairs of flags that undo each other: the last one wins, as in aliases and scripts. */
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ['tty', 'no-tty'],
  ['no-tty', 'tty'],
  ['stdin', 'no-stdin'],
  ['no-stdin', 'stdin'],
]);

/**
 * Splits the words after the verb. Our flags end at `--` or at the first word of the command; from there on every word
 * belongs to the command, whatever it looks like. oclif's own parser reorders and swallows such words.
 *
 * @throws LxcriError `UsageError` for a flag of ours that is unknown or lacks its value.
 */
export function parseWords<Name extends string>(words: readonly Word[], grammar: Grammar<Name>): ParsedWords<Name> {
  const flags = new Map<string, string[]>();
  const add: Add = (name, value) => {
    const opposite = OPPOSITES.get(name);
    if (opposite !== undefined) flags.delete(opposite);
    const values = flags.get(name);
    if (values === undefined) flags.set(name, [value]);
    else values.push(value);
  };
  const operands: string[] = [];
  let index = 0;
  for (; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      index++;
      break;
    }
    if (typeof word === 'string' && word.startsWith('-') && word !== '-') {
      const parse = word.startsWith('--') ? parseLong : parseShort;
      index += parse(word, words[index + 1], add, grammar);
      continue;
    }
    const what = grammar.operands[operands.length];
    if (what === undefined && grammar.commandFollows) break;
    if (what === undefined)
      throw new LxcriError(
        'UsageError',
        `${JSON.stringify(shown(word))} is one word too many`,
        `write "--" before the command; ${grammar.usage}`,
      );
    if (typeof word !== 'string') throw new LxcriError('UsageError', `the ${what} is not valid UTF-8`, grammar.usage);
    operands.push(word);
  }
  return { operands, command: words.slice(index), flags: flags as Map<Name, string[]> };
}

type Add = (name: string, value: string) => void;

function shown(word: Word): string {
  return (typeof word === 'string' ? word : Buffer.from(word).toString('utf8')).slice(0, 64);
}

/** Parses `--name`, `--name=value` or `--name value`; returns how many further words it took. */
function parseLong(word: string, next: Word | undefined, add: Add, grammar: Grammar<string>): number {
  const equals = word.indexOf('=');
  const typed = word.slice(2, equals === -1 ? undefined : equals);
  const spec = grammar.flags.find(({ name, aliases }) => name === typed || aliases?.includes(typed));
  if (spec === undefined) throw new UnknownFlagError(`--${typed}`, typed, grammar);
  if (spec.value === undefined) {
    if (equals !== -1) throw new LxcriError('UsageError', `--${typed} takes no value`, grammar.usage);
    add(spec.name, '');
    return 0;
  }
  if (equals !== -1) {
    add(spec.name, word.slice(equals + 1));
    return 0;
  }
  add(spec.name, valueWord(`--${typed}`, spec, next, grammar));
  return 1;
}

/** Parses a cluster such as `-it`, `-uroot` or `-tu root`; returns how many further words it took. */
function parseShort(word: string, next: Word | undefined, add: Add, grammar: Grammar<string>): number {
  for (let at = 1; at < word.length; at++) {
    const char = word[at] ?? '';
    const spec = grammar.flags.find((candidate) => candidate.char === char);
    if (spec === undefined) throw new UnknownFlagError(`-${char}`, word.slice(1), grammar);
    if (spec.value === undefined) {
      add(spec.name, '');
      continue;
    }
    const rest = word.slice(at + 1);
    if (rest !== '') {
      add(spec.name, rest.startsWith('=') ? rest.slice(1) : rest);
      return 0;
    }
    add(spec.name, valueWord(`-${char}`, spec, next, grammar));
    return 1;
  }
  return 0;
}

function valueWord(typed: string, spec: FlagSpec, next: Word | undefined, { usage }: Grammar<string>): string {
  if (next === undefined || next === '--')
    throw new LxcriError('UsageError', `${typed} needs a value: ${spec.value ?? ''}`, usage);
  if (typeof next !== 'string') throw new LxcriError('UsageError', `the value of ${typed} is not valid UTF-8`, usage);
  return next;
}

/** A flag that the verb does not have. */
export class UnknownFlagError extends LxcriError {
  /** The flag's name as typed, without dashes. */
  readonly typed: string;
  /** The names and aliases that the verb has. */
  readonly known: readonly string[];

  constructor(shownFlag: string, typed: string, { verb, flags, commandFollows }: Grammar<string>) {
    super(
      'UsageError',
      `unknown flag ${JSON.stringify(shownFlag)}`,
      `see: proxmox-lxcri ${verb} --help; words for the command go after ${commandFollows ? 'the container or ' : ''}"--"`,
    );
    this.typed = typed;
    this.known = flags.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  }
}
