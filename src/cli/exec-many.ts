import type { Writable } from 'node:stream';

import { LxcriError } from '../model/errors.ts';
import type { TargetResult } from '../model/many.ts';
import type { HostInventory } from '../oci/locate.ts';
import { startMany } from '../oci/many/many.ts';
import type { ManyRequest, Runner, TargetOutputs } from '../oci/many/many.ts';
import { PrefixedLines } from '../oci/many/prefixed-lines.ts';
import { standardOutput } from '../process/standard-streams.ts';
import type { ExecFlagName } from './flags.ts';
import { say, sayError } from './messages.ts';
import type { ExecWords } from './parse-exec.ts';
import { judge, printDocument } from './print-document.ts';
import type { ExecCall } from './exec-call.ts';
import { forwardSignals } from './signals.ts';
import { formatDuration } from './values/duration.ts';

/** What is in the bundle of the program itself, and therefore handed in. */
export interface ManyTools extends Runner {
  explain(result: TargetResult, prefix: string): void;
}

/**
 * `exec` in several containers.
 *
 * @returns what does it, with the descriptor of a lock that is held meanwhile; it returns the exit code.
 * @throws LxcriError `UsageError` for what only one container can be given.
 */
export function execMany(
  call: ExecCall,
  targets: readonly string[],
  flags: ExecWords['flags'],
  inventory: HostInventory,
  tools: ManyTools,
): (guard?: number) => Promise<number> {
  refuse(targets, flags);
  return (guard) => run(call, targets, inventory, tools, guard);
}

async function run(
  call: ExecCall,
  targets: readonly string[],
  inventory: HostInventory,
  tools: ManyTools,
  guard: number | undefined,
): Promise<number> {
  const { command, json, quiet, verbose, onlyOnFailure } = call;
  const prefixed = new PrefixedOutput(() => execution.signal('SIGTERM'));
  const outputs = onlyOnFailure
    ? await failuresOnly(call.options.maxOutputBytes ?? call.settings['exec.maxOutput'])
    : json || quiet
      ? undefined
      : (label: string) => prefixed.of(label);
  const request: ManyRequest = {
    targets,
    command,
    // A terminal that was not asked for is given to one command only.
    options: { ...call.options, terminal: undefined, stdin: 'none', guard },
    ...(outputs === undefined ? {} : { outputs }),
    onResult: (label, result) => {
      if (verbose) tools.explain(result, `[${label}] `);
      if (!json && !(onlyOnFailure && result.started)) report(label, result, quiet);
    },
  };
  const execution = startMany(inventory, request, tools);
  const stopForwarding = forwardSignals(execution);
  const result = await execution.result;
  stopForwarding();
  if (json) return printDocument(result, result.exitCode, `the exit code is ${result.exitCode}`);
  if (result.error !== null) say(result.error.message);
  else if (!quiet) summarize(result.results);
  return result.exitCode === 0 ? judge(prefixed.failure, 0, 'the commands have succeeded') : result.exitCode;
}

/** The output of all on our own two streams, each line with the name of its target. */
class PrefixedOutput {
  /** Why output could not be written. */
  failure: Error | undefined;
  readonly #onBroken: () => void;

  /** @param onBroken called when nobody reads one of the streams any more. */
  constructor(onBroken: () => void) {
    this.#onBroken = onBroken;
  }

  of(label: string): TargetOutputs {
    const own = { stdout: standardOutput(1), stderr: standardOutput(2) };
    const stdout = new PrefixedLines(label, (lines) => this.#write(own.stdout, lines));
    const stderr = new PrefixedLines(label, (lines) => this.#write(own.stderr, lines));
    // Who writes hears of an error by the callback.
    for (const stream of [stdout, stderr, own.stdout, own.stderr])
      if (stream.listenerCount('error') === 0) stream.on('error', () => {});
    return {
      streams: {
        stdout: { fd: 1, held: true, stream: () => stdout },
        stderr: { fd: 2, held: true, stream: () => stderr },
      },
      end: async () => {
        await endOf(stdout);
        await endOf(stderr);
      },
    };
  }

  #write(target: Writable, lines: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      target.write(lines, (error: NodeJS.ErrnoException | null | undefined) => {
        if (error === null || error === undefined) return resolve();
        this.failure ??= error;
        if (error.code === 'EPIPE') this.#onBroken();
        reject(error);
      });
    });
  }
}

function endOf(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    stream.once('close', resolve);
    stream.end();
  });
}

/** Each target's report comes as a whole, when it has ended. */
async function failuresOnly(limit: number) {
  const { onlyOnFailure } = await import('./only-on-failure.ts');
  let last: Promise<unknown> = Promise.resolve();
  return (label: string): TargetOutputs => {
    const kept = onlyOnFailure(limit);
    return {
      streams: kept.outputs,
      end: async (result) => void (await (last = last.then(() => kept.report(label, result)))),
    };
  };
}

/** What is said of one target when it has ended. */
function report(label: string, { error, exitCode, durationMs, truncated }: TargetResult, quiet: boolean): void {
  if (error !== null) sayError({ ...error, message: `${label}: ${error.message}` });
  // Nothing is captured here: it was lost on the way.
  else if (truncated && !quiet)
    say(`${label}: the command wrote more than the way here takes: the rest of it was dropped`);
  if (quiet && error === null) say(`${label}: exit code ${exitCode} (${formatDuration(durationMs)})`);
}

/** More failures than this are counted only. */
const MOST_NAMED = 20;

/** One line, where not all is well. */
function summarize(results: readonly TargetResult[]): void {
  const failed = results.filter(({ exitCode }) => exitCode !== 0);
  if (failed.length === 0) return;
  const named = failed.slice(0, MOST_NAMED).map(({ target, exitCode, error, canceled, started }) => {
    const what = error?.code ?? (canceled && !started ? 'not started' : `exit code ${exitCode}`);
    return `${target} (${what})`;
  });
  const more = failed.length > MOST_NAMED ? ` and ${failed.length - MOST_NAMED} more` : '';
  say(`${results.length} targets: ${failed.length} failed: ${named.join(', ')}${more}`);
}

function refuse({ length }: readonly string[], flags: ExecWords['flags']): void {
  for (const [flag, why] of ONLY_FOR_ONE) {
    if (!flags.has(flag)) continue;
    throw new LxcriError(
      'UsageError',
      `--${flag} is for one container, and these words name ${length}: ${why}`,
      'leave it out, or name one pod and one container',
    );
  }
}

const ONLY_FOR_ONE = [
  ['tty', 'one terminal cannot be shared'],
  ['stdin', 'what is read once cannot be given to each'],
  ['detach', 'an execution in the background has one id'],
] as const satisfies readonly (readonly [ExecFlagName, string])[];
