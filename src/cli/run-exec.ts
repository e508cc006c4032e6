import { isatty } from 'node:tty';

import { loadSettings } from '../config/settings.ts';
import { isLxcriError } from '../model/errors.ts';
import type { LxcriError } from '../model/errors.ts';
import { internalError } from '../model/internal-error.ts';
import type { Word } from '../model/request.ts';
import type { ExecResult } from '../model/result.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, checkExecution, startExecution } from '../oci/execution.ts';
import type { ExecOptions, StartNotice } from '../oci/execution.ts';
import { hostInventory, isKnownToItsNode } from '../oci/locate.ts';
import type { HostInventory } from '../oci/locate.ts';
import { failedResult } from '../oci/new-result.ts';
import { parseReference } from '../oci/reference.ts';
import { closeInheritedDescriptors } from '../process/descriptors.ts';
import { understand } from './exec-call.ts';
import type { ExecCall } from './exec-call.ts';
import { inventoryOf, needsNoRoot } from './inventory.ts';
import { say, sayError } from './messages.ts';
import type { FailureOnly } from './only-on-failure.ts';
import { restoreOwnInput } from './own-streams.ts';
import { printDocument } from './print-document.ts';
import { namesSeveral, parseExecWords } from './parse-exec.ts';
import type { ExecWords } from './parse-exec.ts';
import { UnknownFlagError } from './parse-words.ts';
import { forwardSignals } from './signals.ts';
import { formatDuration } from './values/duration.ts';

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
  restoreOwnInput();
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
