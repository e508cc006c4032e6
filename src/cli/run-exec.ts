import { createReadStream, fstatSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';

import type { Settings } from '../config/keys.ts';
import { loadSettings } from '../config/settings.ts';
import { AVAILABLE_METHODS } from '../methods/registry.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import { internalError } from '../model/internal-error.ts';
import type { TerminalSpec, Word } from '../model/request.ts';
import type { ExecResult } from '../model/result.ts';
import { isTerminalType } from '../model/rules.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, checkExecution, startExecution } from '../oci/execution.ts';
import type { ExecOptions, StartNotice } from '../oci/execution.ts';
import { hostInventory, isKnownToItsNode } from '../oci/locate.ts';
import type { HostInventory } from '../oci/locate.ts';
import { failedResult } from '../oci/new-result.ts';
import { parseReference } from '../oci/reference.ts';
import type { Input, Output } from '../oci/stdio.ts';
import { closeInheritedDescriptors } from '../process/descriptors.ts';
import { readProcess } from '../process/proc.ts';
import { isInteractive } from '../terminal/interactive.ts';
import { methodNames } from '../values/methods.ts';
import type { ExecFlagName } from './flags.ts';
import { inventoryOf, isMicrovm, needsNoRoot } from './inventory.ts';
import type { LockWords } from './exec-lock.ts';
import { say, sayError } from './messages.ts';
import type { FailureOnly } from './only-on-failure.ts';
import { printDocument } from './print-document.ts';
import { USAGE, namesSeveral, parseExecWords } from './parse-exec.ts';
import type { ExecWords } from './parse-exec.ts';
import { UnknownFlagError } from './parse-words.ts';
import { forwardSignals } from './signals.ts';
import { formatDuration, parseDuration, parseTimeout } from './values/duration.ts';
import { parseEnvironment } from './values/environment.ts';
import { flagValue } from './values/flag-value.ts';
import { parseSize } from './values/size.ts';
import { parseUser } from './values/user.ts';

/**
 * `proxmox-lxcri exec`: parses, runs and renders.
 *
 * @param words the words after `exec`, byte for byte.
 * @param showHelp shows the help of `exec` and returns the exit code.
 * @param called the whole call, for who has to make it again as root.
 * @returns the exit code.
 */
export async function runExec(
  words: readonly Word[],
  showHelp: () => Promise<number>,
  called: readonly Word[] = ['exec', ...words],
): Promise<number> {
  // Known before the words are understood, so that a mistake in them is reported in the form that was asked for.
  let json = asksForJson(words);
  let command: readonly Word[] = [];
  try {
    const parsed = parseExecWords(words);
    if (parsed.flags.has('help')) return await showHelp();
    json = parsed.flags.has('json');
    command = parsed.command;
    const targetsFor = namesSeveral(parsed) ? await selection(parsed) : undefined;
    const said = understand(parsed, await loadSettings(process.env));
    const targets = targetsFor === undefined ? [said.container] : await targetsFor(said);
    const call = { ...said, container: targets[0] ?? '' };
    const inventory = inventoryOf(call.settings, {
      words: called,
      maskValues: true,
      context: parsed.flags.get('context')?.at(-1),
      mayBeAnybody: needsNoRoot(call.container) || isReachedBySsh(call),
    });
    const carryOut =
      targets.length > 1
        ? await several(call, targets, parsed.flags, inventory)
        : (guard?: number) => run(call, inventory, guard);
    if (parsed.flags.has('detach')) return await detach(call, parsed.flags, inventory);
    if (call.lock === undefined) return await carryOut();
    const { runLocked } = await import('./exec-lock.ts');
    return await runLocked(call.lock, call, carryOut);
  } catch (thrown) {
    const error = await ownError(thrown);
    if (json) return await printResult(failedResult(error, command));
    sayError(error.toInfo());
    return error.exitCode;
  }
}

/** A container of a node that only ssh knows: the user there has to be root, and not the one here. */
function isReachedBySsh({ container, options, settings }: ExecCall): boolean {
  if (process.geteuid?.() === 0) return false;
  return isKnownToItsNode(parseReference(container), hostInventory(settings), options.node);
}

/** Prints a result as JSON; one that cannot be printed is never a success. */
function printResult(result: ExecResult): Promise<number> {
  return printDocument(result, result.exitCode, `the command's exit code is ${result.exitCode}`);
}

/** An error of ours, to be reported; any other is a mistake of ours. */
export async function ownError(error: unknown): Promise<LxcriError> {
  if (!isLxcriError(error)) return internalError(error);
  if (!(error instanceof UnknownFlagError)) return error;
  // Loaded for a mistyped flag only.
  const { withSuggestion } = await import('./suggest.ts');
  return withSuggestion(error);
}

/** Whether `--json` stands among the words before a `--`; good enough for a call that cannot be parsed. */
export function asksForJson(words: readonly Word[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
}

/** Loaded for `--detach` only. */
async function detach(call: ExecCall, flags: ExecWords['flags'], inventory: HostInventory): Promise<number> {
  const { execDetached } = await import('./exec-detached.ts');
  // Not earlier: the flags may name files such as /dev/fd/63.
  closeInheritedDescriptors();
  return execDetached(call, flags, inventory);
}

/** Loaded only for words that may name several containers; returns what asks which they are. */
async function selection({ container, flags }: ExecWords): Promise<(call: ExecCall) => Promise<readonly string[]>> {
  const { checkSelector, targetsOf } = await import('../oci/targets.ts');
  const selector = {
    resource: container,
    namespace: flags.get('namespace')?.at(-1),
    tasks: flags.get('task') ?? [],
    containers: flags.get('container') ?? [],
  };
  checkSelector(selector);
  return ({ options }) => targetsOf(selector, { forTerminal: options.terminal !== undefined });
}

/** Loaded only for several containers. */
async function several(
  call: ExecCall,
  targets: readonly string[],
  flags: ExecWords['flags'],
  inventory: HostInventory,
): Promise<(guard?: number) => Promise<number>> {
  const { execMany } = await import('./exec-many.ts');
  // Not earlier: the flags may name files such as /dev/fd/63.
  closeInheritedDescriptors();
  return execMany(call, targets, flags, inventory, {
    check: checkExecution,
    start: startExecution,
    explain,
  });
}

/** What is to be run, understood from the words. */
export interface ExecCall {
  readonly container: string;
  readonly command: readonly Word[];
  readonly options: ExecOptions;
  readonly settings: Settings;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly onlyOnFailure: boolean;
  readonly lock: LockWords | undefined;
}

/** The words that a call is understood from; the flags may be those of another verb that has the same ones. */
export interface CallWords extends Pick<ExecWords, 'container' | 'command'> {
  readonly flags: Pick<ExecWords['flags'], 'get' | 'has'>;
}

/** Turns the words into a request, or says what is wrong with them. What they do not say, the settings do. */
export function understand({ container, command, flags }: CallWords, settings: Settings): ExecCall {
  const last = (name: ExecFlagName): string | undefined => flags.get(name)?.at(-1);
  const json = flags.has('json');
  const quiet = flags.has('quiet');
  const onlyOnFailure = flags.has('only-on-failure');
  const ownOutput = json || quiet || onlyOnFailure;
  if (container === undefined && !flags.has('task'))
    throw new LxcriError('MissingContainerId', 'no container was named', USAGE);
  const workdir = last('workdir');
  if (workdir !== undefined && !workdir.startsWith('/')) {
    throw new LxcriError(
      'UsageError',
      `--workdir: ${JSON.stringify(workdir)} is not an absolute path`,
      'begin it with "/"',
    );
  }
  if (onlyOnFailure && (json || flags.has('tty'))) {
    throw new LxcriError(
      'UsageError',
      `--only-on-failure and ${json ? '--json' : '--tty'} exclude each other`,
      json ? 'a result holds the output anyway: leave one of them out' : 'use it where nobody watches, without -t',
    );
  }
  const timeout = last('timeout');
  const killAfter = last('kill-after');
  const maxOutput = last('max-output');
  const waitForAgent = last('wait-for-agent');
  if (waitForAgent !== undefined && !isMicrovm(container)) {
    throw new LxcriError(
      'UsageError',
      '--wait-for-agent is for microVMs, and none was named',
      'name one as vsock:/PATH/TO/SOCKET or vsock:CID; for others: proxmox-lxcri start --wait',
    );
  }
  const user = last('user');
  const methods = last('method');
  const terminal = flags.has('no-tty') ? undefined : wantedTerminal(command, flags.has('tty'), ownOutput);
  const output = (fd: 1 | 2): Output => (quiet ? 'ignore' : json ? 'capture' : { fd, stream: () => outputStream(fd) });
  const call: ExecCall = {
    container: container ?? '',
    command,
    settings,
    json,
    quiet,
    verbose: flags.has('verbose'),
    onlyOnFailure,
    lock:
      flags.has('lock') || flags.has('if-locked') || flags.has('lock-timeout')
        ? { name: last('lock'), ifLocked: last('if-locked'), timeout: last('lock-timeout') }
        : undefined,
    options: {
      workdir,
      terminal,
      env: parseEnvironment(flags.get('env') ?? [], flags.get('env-file') ?? [], process.env),
      user: user === undefined ? undefined : parseUser(user),
      privileged: flags.has('privileged'),
      stdin: flags.has('no-stdin') ? 'none' : standardInput(terminal !== undefined),
      stdout: output(1),
      stderr: output(2),
      maxOutputBytes: maxOutput === undefined ? settings['exec.maxOutput'] : parseSize(maxOutput, '--max-output'),
      timeoutMs: timeout === undefined ? settings['exec.timeout'] : parseTimeout(timeout, '--timeout'),
      killAfterMs: killAfter === undefined ? settings['exec.killAfter'] : parseDuration(killAfter, '--kill-after'),
      waitForAgentMs: waitForAgent === undefined ? undefined : parseDuration(waitForAgent, '--wait-for-agent'),
      methods:
        methods === undefined
          ? container === undefined || needsNoRoot(container)
            ? undefined
            : settings.methods
          : flagValue('--method', () => methodNames(methods.split(','), AVAILABLE_METHODS)),
      node: last('node'),
    },
  };
  // Last: a value that is missing before the container is better told than a command that is.
  if (command.length === 0 && !flags.has('tty')) {
    const where = (['context', 'node', 'namespace', 'task', 'container'] as const).flatMap((name) =>
      (flags.get(name) ?? []).slice(-1).map((value) => `--${name} ${value}`),
    );
    throw new LxcriError(
      'MissingCommand',
      'no command was given',
      `for a shell: proxmox-lxcri ${['exec', '-it', ...where, ...(container === undefined ? [] : [container])].join(' ')}; else: ${USAGE}`,
    );
  }
  return call;
}

/** @param guard a lock that is held meanwhile. */
async function run(call: ExecCall, inventory: HostInventory, guard?: number): Promise<number> {
  const { container, options, json, quiet, verbose } = call;
  const failureOnly = call.onlyOnFailure ? await keepOutput(options) : undefined;
  const outputs = quiet ? undefined : failureOnly?.outputs;
  const result = await execute({ ...call, options: { ...options, ...outputs, guard, onStarted: announce } }, inventory);
  if (verbose) explain(result);
  if (json) return printResult(result);
  if (failureOnly !== undefined) return failureOnly.report(container, result);
  if (result.error !== null) sayError(result.error);
  // Nothing is captured here: it was lost on the way.
  if (result.truncated && !quiet) say('the command wrote more than the way here takes: the rest of it was dropped');
  if (quiet && result.error === null)
    say(`${container}: exit code ${result.exitCode} (${formatDuration(result.durationMs)})`);
  return result.exitCode;
}

function announce({ notice }: StartNotice): void {
  if (notice !== undefined) say(notice);
}

async function keepOutput({ maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES }: ExecOptions): Promise<FailureOnly> {
  const module = await import('./only-on-failure.ts');
  return module.onlyOnFailure(maxOutputBytes);
}

/** Runs the command to its end, with this process's signals passed on, and gives the terminal back as it was. */
export async function execute(
  { container, command, options }: ExecCall,
  inventory: HostInventory,
): Promise<ExecResult> {
  // Not earlier: the flags may name files such as /dev/fd/63.
  closeInheritedDescriptors();
  const execution = startExecution(inventory, container, command, options);
  const stopForwarding = forwardSignals(execution);
  const result = await execution.result;
  stopForwarding();
  restoreInput();
  if (options.terminal !== undefined && endedAbnormally(result) && isatty(1)) process.stdout.write(TERMINAL_RESET);
  return result;
}

/**
 * What a full-screen program that was killed cannot do any more: leave the alternate screen, show the cursor, end
 * application keys, bracketed paste and mouse reports, and reset colours (xterm's control sequences).
 */
const TERMINAL_RESET =
  '\u001b[?1047l\u001b[?25h\u001b[?1l\u001b>\u001b[?2004l\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[0m';

function endedAbnormally({ exitCode, started, timedOut, connectionLost, method }: ExecResult): boolean {
  // On a console that was left a program goes on, which may have changed what is set here.
  return started && (exitCode > 128 || timedOut || connectionLost || method === 'console');
}

/**
 * What was tried and why, for `--verbose`.
 *
 * @param prefix says of which of several it is.
 */
export function explain(result: ExecResult, prefix = ''): void {
  for (const { method, outcome, reason } of result.attempts)
    say(`${prefix}${method}: ${outcome}${reason === undefined ? '' : ` (${reason})`}`);
  const { container } = result;
  // It may have failed before it was known which one is meant.
  const place = container === null ? '' : ` in ${container.platform}:${container.id}`;
  say(
    `${prefix}execution ${result.id}${place}: exit code ${result.exitCode} after ${formatDuration(result.durationMs)}`,
  );
  if (result.outputIncomplete)
    say(`${prefix}a process that outlived the command held its output; what it writes from now on is lost`);
}

/** The terminal the command gets: always with `--tty`, by default at a terminal if the command is of no use without. */
function wantedTerminal(command: readonly Word[], always: boolean, outputIsOurs: boolean): TerminalSpec | undefined {
  const atTerminal = isatty(0) && isatty(1);
  const words = command.map((word) => (typeof word === 'string' ? word : ''));
  if (!always && (!atTerminal || outputIsOurs || !isInteractive(words))) return undefined;
  const type = process.env['TERM'] ?? '';
  const [columns, rows] = isatty(1) ? process.stdout.getWindowSize() : [80, 24];
  return { columns, rows, type: isTerminalType(type) && type !== 'dumb' ? type : 'xterm' };
}

/** Our standard input, where there is one to read: a terminal, a pipe, a socket or a file. */
function standardInput(withTerminal: boolean): Input {
  try {
    if (isatty(0) && !withTerminal && !inForeground()) return 'none';
    fstatSync(0);
  } catch {
    return 'none';
  }
  return { fd: 0, stream: () => inputStream(withTerminal) };
}

/** Reading a terminal from the background would stop us. */
function inForeground(): boolean {
  const { group, foregroundGroup } = readProcess(process.pid) ?? { group: 0, foregroundGroup: 0 };
  return group === foregroundGroup;
}

/** Ends raw mode; without effect where we did not set it. Merely to look at `process.stdin` costs 2 ms. */
let restoreInput = (): void => {};

/** The device of /dev/null (null(4): 1, 3), as cron and scripts give it. */
const NULL_DEVICE = 0x103;

function inputStream(withTerminal: boolean): Readable {
  // Node would load 3 ms of streams, and start threads, to read nothing from it.
  const file = fstatSync(0);
  if (file.rdev === NULL_DEVICE) return Readable.from([]);
  // Node takes it for an input that is empty; to read it is an error.
  if (file.isDirectory()) return createReadStream('', { fd: 0, autoClose: false });
  const { stdin } = process;
  // With a terminal of the container's own, this one must not act on what is typed.
  if (withTerminal && stdin.isTTY) {
    stdin.setRawMode(true);
    restoreInput = () => stdin.setRawMode(false);
  }
  return stdin;
}

function outputStream(fd: 1 | 2): Writable {
  return fd === 1 ? process.stdout : process.stderr;
}
