import { identityOf } from '../../model/container.ts';
import type { Container } from '../../model/container.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { exitCodeOfSignal } from '../../model/exit-codes.ts';
import { internalError } from '../../model/internal-error.ts';
import type { ManyResult, TargetResult } from '../../model/many.ts';
import type { Word } from '../../model/request.ts';
import { SCHEMA_VERSION } from '../../model/result.ts';
import type { ExecResult } from '../../model/result.ts';
import type { ForwardedSignal } from '../../model/session.ts';
import { untilAborted } from '../../process/until-aborted.ts';
import { sanitize } from '../../terminal/sanitize.ts';
import { CANCELING } from '../canceling.ts';
import type { ExecOptions, Execution, checkExecution, startExecution } from '../execution.ts';
import { asHostFailure } from '../host-failure.ts';
import type { HostInventory } from '../locate.ts';
import { failedResult, newExecutionId, newResult } from '../new-result.ts';
import { commonExitCode } from './exit-code.ts';
import { inTurn } from './in-turn.ts';

/** So many containers are asked, and so many commands run, at once. */
export const AT_ONCE = 10;

/** What one target is run by: handed in, because it is in the bundle of the program itself. */
export interface Runner {
  readonly check: typeof checkExecution;
  readonly start: typeof startExecution;
}

/** One command for several containers. */
export interface ManyRequest {
  /** Container references as for an ordinary execution. */
  readonly targets: readonly string[];
  readonly command: readonly Word[];
  /** Those of every target; a timeout is each one's own. There is no terminal and no standard input. */
  readonly options: ExecOptions;
  /**
   * Where the output of one of them goes; asked for when it is about to start. Default: as the options say.
   *
   * @param label names it for people: harmless on a terminal.
   */
  readonly outputs?: (label: string) => TargetOutputs;
  /** Called once for each target but those that could have been started and were not because of another one. */
  readonly onResult?: (label: string, result: TargetResult) => void;
}

/** Where the output of one target goes. */
export interface TargetOutputs {
  readonly streams: Pick<ExecOptions, 'stdout' | 'stderr'>;
  /** Called when the command has ended, to write what is left; must not reject. */
  readonly end: (result: ExecResult) => Promise<void>;
}

/** Commands on their way. */
export interface ManyExecution {
  /** What happened; it never rejects for anything that a user or a container can cause. */
  readonly result: Promise<ManyResult>;
  /** For all that run. INT, TERM, HUP and QUIT also keep the others from being started. */
  signal(signal: ForwardedSignal): void;
}

/**
 * Runs a command in several containers, each as an ordinary execution. First it is found out of every one whether the
 * command can be started there; if it cannot in one, nothing is started at all.
 *
 * @param inventory where containers are looked for.
 */
export function startMany(inventory: HostInventory, request: ManyRequest, runner: Runner): ManyExecution {
  return new RunningMany(inventory, request, runner);
}

class RunningMany implements ManyExecution {
  readonly result: Promise<ManyResult>;
  readonly #inventory: HostInventory;
  readonly #request: ManyRequest;
  readonly #runner: Runner;
  readonly #abort = new AbortController();
  readonly #running = new Set<Execution>();
  #canceledBy: ForwardedSignal | undefined;

  constructor(inventory: HostInventory, request: ManyRequest, runner: Runner) {
    this.#inventory = inventory;
    this.#request = request;
    this.#runner = runner;
    this.result = this.#run();
  }

  signal(signal: ForwardedSignal): void {
    if (CANCELING.has(signal)) {
      this.#canceledBy ??= signal;
      this.#abort.abort(new Error('canceled'));
    }
    for (const execution of this.#running) execution.signal(signal);
  }

  async #run(): Promise<ManyResult> {
    const checks: Check[] = [];
    const { targets } = this.#request;
    await inTurn(targets, AT_ONCE, async (target, index) => void (checks[index] = await this.#check(target)));
    if (this.#canceledBy === undefined) refuseTwice(checks);
    const refused = checks.filter(({ error }) => error !== undefined);
    if (refused.length > 0 && this.#canceledBy === undefined) return this.#refuse(checks);
    const results: TargetResult[] = [];
    await inTurn(checks, AT_ONCE, async (check, index) => void (results[index] = await this.#execute(check)));
    return {
      schemaVersion: SCHEMA_VERSION,
      exitCode: commonExitCode(results.map(({ exitCode }) => exitCode)),
      results,
      error: null,
    };
  }

  async #check(target: string): Promise<Check> {
    const { command, options } = this.#request;
    if (this.#canceledBy !== undefined) return { target, label: sanitize(target) };
    const { timeoutMs } = options;
    const late = new AbortController();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => late.abort(), timeoutMs);
    const abort = AbortSignal.any([this.#abort.signal, late.signal]);
    try {
      const checked = this.#runner.check(this.#inventory, target, command, options, abort);
      const container = await untilAborted(checked, abort);
      return { target, label: labelOf(target, container), container };
    } catch (thrown) {
      const label = sanitize(target);
      if (this.#canceledBy !== undefined) return { target, label };
      if (late.signal.aborted) return { target, label, error: tooLate(timeoutMs) };
      return { target, label, error: known(thrown) };
    } finally {
      clearTimeout(timer);
    }
  }

  async #execute({ target, label, container }: Check): Promise<TargetResult> {
    const result = { target, ...(await this.#outcomeOf(target, label, container)) };
    this.#request.onResult?.(label, result);
    return result;
  }

  async #outcomeOf(target: string, label: string, container: Container | undefined): Promise<ExecResult> {
    if (this.#canceledBy !== undefined) return this.#canceled(container);
    const { command, options, outputs } = this.#request;
    const output = outputs?.(label);
    const execution = this.#runner.start(this.#inventory, target, command, { ...options, ...output?.streams });
    this.#running.add(execution);
    // A mistake of ours with one of them must not leave the others without anybody who looks after them.
    const result = await execution.result.catch((error) => failedResult(known(error), command));
    this.#running.delete(execution);
    await output?.end(result);
    return result;
  }

  #canceled(container: Container | undefined): ExecResult {
    const signal = this.#canceledBy ?? 'SIGTERM';
    return {
      ...newResult(newExecutionId(), this.#request.command, new Date()),
      container: container === undefined ? null : identityOf(container),
      exitCode: exitCodeOfSignal(signal),
      canceled: true,
    };
  }

  #refuse(checks: readonly Check[]): ManyResult {
    const { command, onResult } = this.#request;
    const results = checks.map(({ target, label, container, error }) => {
      const identity = container === undefined ? null : identityOf(container);
      const result = { target, ...failedResult(error ?? notStarted(), command), container: identity };
      if (error !== undefined) onResult?.(label, result);
      return result;
    });
    const error = whyNothing(checks);
    return { schemaVersion: SCHEMA_VERSION, exitCode: error.exitCode, results, error: error.toInfo() };
  }
}

/** What was found out of a target before anything is started; without an error and container: nothing, for a signal came. */
interface Check {
  readonly target: string;
  readonly label: string;
  readonly container?: Container;
  readonly error?: LxcriError;
}

/** What a target is called in front of its lines: of a pod it is to be seen which container of it was chosen. */
function labelOf(target: string, { platform, id }: Container): string {
  return sanitize(platform === 'kubernetes' ? id : target);
}

/** A command must not run twice in a container because that was named in two ways. */
function refuseTwice(checks: Check[]): void {
  const names = new Map<string, string>();
  for (const [index, check] of checks.entries()) {
    const { target, container } = check;
    if (container === undefined) continue;
    const identity = whichOne(container);
    const before = names.get(identity);
    names.set(identity, before ?? target);
    if (before === undefined) continue;
    const error = new LxcriError('UsageError', `it is the same container as ${before}`, 'name each only once');
    checks[index] = { ...check, error };
  }
}

/** What no two containers have in common. */
function whichOne({ platform, node, id, lxc, api }: Container): string {
  return [platform, node, id, lxc?.lxcpath, api?.context].join('\n');
}

function known(thrown: unknown): LxcriError {
  const error = asHostFailure(thrown);
  return isLxcriError(error) ? error : internalError(error);
}

function tooLate(timeoutMs = 0): LxcriError {
  return new LxcriError(
    'ExecutionTimeout',
    `nothing was started within ${timeoutMs} ms`,
    'give it more time with --timeout',
  );
}

function notStarted(): LxcriError {
  return new LxcriError(
    'OperationFailed',
    'it was not started, because another of the targets cannot be used',
    'see the errors of the others',
  );
}

/** The error of the whole call: the first one's code, and which they are. */
function whyNothing(checks: readonly Check[]): LxcriError {
  const refused = checks.flatMap(({ label, error }) => (error === undefined ? [] : [{ label, error }]));
  const [first] = refused;
  const names = refused.map(({ label, error }) => `${label} (${error.code})`).join(', ');
  return new LxcriError(
    first?.error.code ?? 'OperationFailed',
    `nothing was started: ${refused.length} of ${checks.length} targets cannot be used: ${names}`,
    'see the error of each; leave those out, or set them right',
  );
}
