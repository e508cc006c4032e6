import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';

import { AVAILABLE_METHODS } from '../methods/registry.ts';
import { LxcriError } from '../model/errors.ts';
import { METHOD_NAMES } from '../model/request.ts';
import type { MethodName, TerminalSpec, UserSpec, Word } from '../model/request.ts';
import { MAX_OUTPUT_BYTES, MAX_TIMER_MS, isTerminalType, isVariableName, userSpecOf } from '../model/rules.ts';
import type { ExecOptions, InputMode, OutputMode } from './exec-options.ts';
import { checkNames, checkOption, isAbortSignal, isExactText, shown, usageError } from './usage.ts';

/** A call of `exec` that can be carried out. */
export interface CheckedExec {
  readonly command: readonly Word[];
  readonly options: ExecOptions;
  readonly env: ReadonlyMap<string, string>;
  readonly user: UserSpec | undefined;
  readonly methods: readonly MethodName[] | undefined;
  /** Those of the runtime, for a call that names none. */
  readonly preferredMethods?: readonly MethodName[] | undefined;
  readonly terminal: TerminalSpec | undefined;
  readonly stdin: InputMode;
  readonly stdout: OutputMode;
  readonly stderr: OutputMode;
}

const NAMES: readonly (keyof ExecOptions)[] = [
  'env',
  'workdir',
  'user',
  'privileged',
  'terminal',
  'input',
  'stdin',
  'stdout',
  'stderr',
  'maxOutputBytes',
  'timeoutMs',
  'killAfterMs',
  'waitForAgentMs',
  'signal',
  'methods',
  'node',
];
const INPUT_MODES: readonly unknown[] = ['ignore', 'pipe', 'inherit'] satisfies InputMode[];
const OUTPUT_MODES: readonly unknown[] = ['capture', 'pipe', 'ignore', 'inherit'] satisfies OutputMode[];

/**
 * Checks what a program asks for, and completes it.
 *
 * @throws LxcriError `UsageError`, or `MissingCommand`.
 */
export function checkExec(target: unknown, command: unknown, options: ExecOptions): CheckedExec {
  checkTarget(target);
  checkNames(options, NAMES);
  checkValues(options);
  const terminal = terminalOf(options.terminal);
  const stdin = options.stdin ?? 'ignore';
  const stdout = options.stdout ?? 'capture';
  const stderr = options.stderr ?? (terminal === undefined ? 'capture' : 'ignore');
  checkCombination(options, terminal !== undefined);
  return {
    command: checkedCommand(command, terminal !== undefined),
    options,
    env: environmentOf(options.env),
    user: userOf(options.user),
    methods: options.methods,
    terminal,
    stdin,
    stdout,
    stderr,
  };
}

/**
 * @throws LxcriError `UsageError` where the container's reference is not even text; what it says is for `locate`.
 */
export function checkTarget(target: unknown): void {
  if (typeof target !== 'string')
    throw usageError(
      `the container is ${shown(target)}, not text`,
      'name it by its id or name: "101", "web", "lxc:web"',
    );
}

/**
 * Checks the methods to try, as options name them. One that is for a later version may be named: it is passed over.
 *
 * @throws LxcriError `UsageError`
 */
export function checkMethods(value: unknown): void {
  if (value === undefined) return;
  const hint = `this version has: ${AVAILABLE_METHODS.join(', ')}`;
  if (!Array.isArray(value) || value.length === 0) {
    const found = Array.isArray(value) ? 'an empty array' : shown(value);
    throw usageError(`the option methods is ${found}`, `it must be an array of names of methods; ${hint}`);
  }
  const wrong = value.findIndex((name) => !METHOD_NAMES.includes(name));
  if (wrong !== -1) throw usageError(`the option methods names ${shown(value[wrong])}, which is no method`, hint);
}

/** Whether a value can be a time to wait, in milliseconds. */
export function isDelay(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value <= MAX_TIMER_MS;
}

export const DELAY_EXPECTED = `milliseconds: a number above 0, at most ${MAX_TIMER_MS}`;

function checkValues(options: ExecOptions): void {
  const check = (name: keyof ExecOptions, isValid: (value: unknown) => boolean, expected: string): void =>
    checkOption(name, options[name], isValid, expected);
  check('workdir', (value) => isExactText(value) && String(value).startsWith('/'), 'an absolute path');
  check('privileged', (value) => typeof value === 'boolean', 'true or false');
  check('stdin', (value) => INPUT_MODES.includes(value), `one of: ${INPUT_MODES.join(', ')}`);
  check('stdout', (value) => OUTPUT_MODES.includes(value), `one of: ${OUTPUT_MODES.join(', ')}`);
  check('stderr', (value) => OUTPUT_MODES.includes(value), `one of: ${OUTPUT_MODES.join(', ')}`);
  check(
    'maxOutputBytes',
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_OUTPUT_BYTES,
    `a whole number of bytes, at most ${MAX_OUTPUT_BYTES}`,
  );
  check('timeoutMs', isDelay, DELAY_EXPECTED);
  check('killAfterMs', isDelay, DELAY_EXPECTED);
  check('waitForAgentMs', isDelay, DELAY_EXPECTED);
  check('signal', isAbortSignal, 'an AbortSignal');
  checkMethods(options.methods);
  check('node', (value) => typeof value === 'string', 'the name of a Proxmox node');
  check('input', isInput, 'text, a Uint8Array, or a Readable that has not ended');
}

function isInput(value: unknown): boolean {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  if (typeof value !== 'object' || value === null) return false;
  // By shape: streams of another realm or package serve as well.
  const isReadable = Symbol.asyncIterator in value && 'on' in value && 'destroy' in value;
  return isReadable && !(value as Readable).destroyed && !(value as Readable).readableEnded;
}

function checkCombination({ input, stdin, stdout, stderr }: ExecOptions, withTerminal: boolean): void {
  if (input !== undefined && stdin !== undefined)
    throw usageError('the options input and stdin are both given', 'leave one of them out');
  if (!withTerminal) return;
  if (stderr !== undefined)
    throw usageError(
      'the option stderr is given with a terminal',
      'leave it out: what the command writes to its terminal comes on standard output',
    );
  const inherited = [stdin, stdout].filter((mode) => mode === 'inherit').length;
  if (inherited === 1 || (inherited === 2 && !(isatty(0) && isatty(1))))
    throw usageError(
      "a terminal cannot be half of this program's own",
      "inherit both stdin and stdout where both are terminals, or make both 'pipe'",
    );
}

function checkedCommand(command: unknown, withTerminal: boolean): readonly Word[] {
  if (!Array.isArray(command))
    throw usageError(
      `the command is ${shown(command)}, not an array of words`,
      "write ['ls', '-l'], or ['sh', '-c', script] for a line of shell",
    );
  command.forEach((word: unknown, index) => {
    const isWord = word instanceof Uint8Array ? !word.includes(0) : isExactText(word);
    if (!isWord)
      throw usageError(
        `word ${index} of the command is ${typeof word === 'string' ? 'not text that can be passed on' : shown(word)}`,
        'a word is text or a Uint8Array, without NUL',
      );
  });
  if (command.length === 0 && !withTerminal)
    throw new LxcriError(
      'MissingCommand',
      'no command was given',
      'for a shell, ask for a terminal too: { terminal: {} }',
    );
  return [...(command as Word[])];
}

/** No value of a variable is ever shown. */
function environmentOf(env: ExecOptions['env']): ReadonlyMap<string, string> {
  checkOption('env', env, (value) => typeof value === 'object' && value !== null, 'an object of text');
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(env ?? {})) {
    if (value === undefined) continue;
    if (!isVariableName(name))
      throw usageError(
        `the option env has ${shown(name)}, which is no name of a variable`,
        'a name has no white space, and does not start with "-" or PROXMOX_LXCRI_',
      );
    if (!isExactText(value))
      throw usageError(
        `the option env has a value for ${name} that is not text, or cannot be passed on`,
        'pass such data with the option input',
      );
    found.set(name, value);
  }
  return found;
}

function userOf(user: ExecOptions['user']): UserSpec | undefined {
  if (user === undefined) return undefined;
  const text = typeof user === 'object' && user !== null ? [user.user, user.group ?? []].flat().join(':') : user;
  const found = typeof text === 'string' ? userSpecOf(text) : undefined;
  if (found === undefined)
    throw usageError(`the option user is ${shown(text)}`, 'write "USER", "USER:GROUP", "UID:GID" or { user, group }');
  return found;
}

function terminalOf(terminal: ExecOptions['terminal']): TerminalSpec | undefined {
  if (terminal === undefined) return undefined;
  checkNames(terminal, ['columns', 'rows', 'type']);
  const { columns = 80, rows = 24, type = 'xterm' } = terminal;
  checkSize(columns, rows);
  checkOption(
    'terminal.type',
    type,
    (value) => typeof value === 'string' && isTerminalType(value),
    'a name such as xterm',
  );
  return { columns, rows, type };
}

/** The kernel's limit is 16 bits. */
const MAX_CELLS = 65_535;

/** @throws LxcriError `UsageError` for a size that no terminal can have. */
export function checkSize(columns: unknown, rows: unknown): void {
  for (const [name, value] of Object.entries({ columns, rows })) {
    const isCount = Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_CELLS;
    if (!isCount)
      throw usageError(`the terminal's ${name} are ${shown(value)}`, `give a whole number, 1 to ${MAX_CELLS}`);
  }
}
