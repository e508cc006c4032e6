import { isatty } from 'node:tty';

import { identityOf } from '../model/container.ts';
import type { Container, ContainerIdentity } from '../model/container.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import { EXIT, exitCodeOfSignal } from '../model/exit-codes.ts';
import type { ExecRequest, MethodName, TerminalSpec, UserSpec, Word } from '../model/request.ts';
import type { Attempt, ExecResult } from '../model/result.ts';
import type { ForwardedSignal, Session, SessionExit } from '../model/session.ts';
import { isHungUp } from '../terminal/device.ts';
import { CANCELING } from './canceling.ts';
import { Capture } from './capture.ts';
import { chainOf, checkChain, startByChain, usualOrder } from './chain.ts';
import type { ChainEntry, Started } from './chain.ts';
import { asHostFailure } from './host-failure.ts';
import { find } from './find.ts';
import { isKnownToItsNode } from './locate.ts';
import type { HostInventory } from './locate.ts';
import { newExecutionId, newResult } from './new-result.ts';
import { monotonicMs } from './monotonic.ts';
import { refuseUnlessRoot } from './privileges.ts';
import { parseReference } from './reference.ts';
import type { Scheme } from './reference.ts';
import { feed, outputPump, sourceOf, targetOf } from './stdio.ts';
import type { Input, Output } from './stdio.ts';
import { validateOnNode, validateRunning } from './validate.ts';

/** The moment from which the command runs. */
export interface StartNotice {
  readonly container: ContainerIdentity;
  readonly method: MethodName;
  /** What whoever uses it is to know before. */
  readonly notice?: string | undefined;
}

/** How to run a command; everything is optional. */
export interface ExecOptions {
  /** Unique, in the form of a UUID. Default: a new one. */
  readonly id?: string;
  readonly env?: ReadonlyMap<string, string> | undefined;
  /** Absolute, in the container. Default `/`. */
  readonly workdir?: string | undefined;
  /** Default: the container's root. */
  readonly user?: UserSpec | undefined;
  readonly privileged?: boolean | undefined;
  readonly terminal?: TerminalSpec | undefined;
  /** Default: none. */
  readonly stdin?: Input;
  /** Default: captured. */
  readonly stdout?: Output;
  readonly stderr?: Output;
  /** Captured bytes per stream. Default 8 MiB. */
  readonly maxOutputBytes?: number | undefined;
  readonly timeoutMs?: number | undefined;
  /** From the first request to end until SIGKILL. Default 10 s. */
  readonly killAfterMs?: number | undefined;
  /** Methods to try, in order; it is an error when none of them can. */
  readonly methods?: readonly MethodName[] | undefined;
  /** The same for containers in general, where {@link ExecOptions.methods} says nothing: as {@link usualOrder} takes it. */
  readonly preferredMethods?: readonly MethodName[] | undefined;
  /** The Proxmox node of the container. */
  readonly node?: string | undefined;
  /** How long to wait for the agent of a microVM to answer. Default: it is asked once. */
  readonly waitForAgentMs?: number | undefined;
  /** For hooks: the node that holds the container's lock waits for us. */
  readonly ignoreLock?: boolean;
  /** A descriptor of ours (a lock) that stays open until the command's tree is ended, also when we die first. */
  readonly guard?: number | undefined;
  /** Called once, when the command has started. In a container without a shell it can still turn out that it never ran. */
  readonly onStarted?: (notice: StartNotice) => void;
  /** Called once, when a command that was started has ended; its output may still be on its way. */
  readonly onExited?: () => void;
}

/** A command on its way: it can be signalled, resized, and waited for. */
export interface Execution {
  readonly id: string;
  /** What happened; it never rejects for anything that a user or a container can cause. */
  readonly result: Promise<ExecResult>;
  /** INT, TERM, HUP and QUIT also start the clock after which the whole tree is killed. */
  signal(signal: ForwardedSignal): void;
  /** Ends the whole tree at once. */
  kill(): void;
  resize(columns: number, rows: number): void;
}

export const DEFAULT_MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
export const DEFAULT_KILL_AFTER_MS = 10_000;

/** What a kill leaves. */
const UNKILLABLE = 'processes of it are left (frozen or in the kernel)';

/** How long an output pipe may be silent, once the command has ended, before we stop waiting for its other holders. */
const SETTLE_MS = 1000;

/** What is found by their own rules, and not by root's rights. */
const OF_ANYBODY: ReadonlySet<Scheme | undefined> = new Set<Scheme | undefined>(['docker', 'k8s', 'vsock']);

/**
 * Runs a command in a container: validates first, starts it at most once by the chain of methods, supervises it, and
 * reports what happened.
 *
 * @param inventory where containers are looked for.
 * @param target the container reference as typed.
 * @param command empty for the user's login shell.
 */
export function startExecution(
  inventory: HostInventory,
  target: string,
  command: readonly Word[],
  options: ExecOptions = {},
): Execution {
  return new RunningExecution(inventory, target, command, options);
}

/**
 * Finds out whether {@link startExecution} could start a command now, and starts nothing: the container is there and can
 * run commands, and a method takes the request.
 *
 * @param abort ends the questions; its reason is thrown then.
 * @throws LxcriError what an execution would report without having started anything.
 */
export async function checkExecution(
  inventory: HostInventory,
  target: string,
  command: readonly Word[],
  options: ExecOptions,
  abort: AbortSignal,
): Promise<Container> {
  const found = await findTarget(inventory, target, options, abort);
  await found.vsock?.ready(options.waitForAgentMs ?? 0, abort);
  const container = await validateRunning(found, options.ignoreLock, abort);
  const request = requestOf(newExecutionId(), command, options);
  return checkChain(methodsFor(container, command, options), container, request, abort, () =>
    validateOnNode(container, options.ignoreLock, abort),
  );
}

function findTarget(
  inventory: HostInventory,
  target: string,
  { node }: ExecOptions,
  abort: AbortSignal,
): Promise<Container> {
  const reference = parseReference(target);
  // Who is reached by ssh alone has to be root there, and not here; the others have rules of their own.
  const mayBeAnybody = OF_ANYBODY.has(reference.scheme) || isKnownToItsNode(reference, inventory, node);
  if (inventory.clusters === undefined && !mayBeAnybody) refuseUnlessRoot();
  return find(reference, inventory, node, 'cluster', abort);
}

function methodsFor({ api, platform }: Container, command: readonly Word[], options: ExecOptions): ChainEntry[] {
  const { preferredMethods, methods = usualOrder(platform, preferredMethods), terminal } = options;
  const wantsShellAtTerminal = api !== undefined && terminal !== undefined && command.length === 0;
  return chainOf(methods, api?.routes, wantsShellAtTerminal);
}

function requestOf(id: string, command: readonly Word[], options: ExecOptions): ExecRequest {
  const { env, workdir, user, privileged, terminal, timeoutMs, guard } = options;
  const { stdin = 'none', stdout = 'capture', stderr = 'capture' } = options;
  return {
    id,
    command,
    env: env ?? new Map(),
    workdir,
    user,
    privileged: privileged ?? false,
    terminal,
    stdin: sourceOf(stdin),
    stdout: targetOf(stdout),
    stderr: targetOf(stderr),
    needsTreeKill: timeoutMs !== undefined,
    guard,
  };
}

class RunningExecution implements Execution {
  readonly id: string;
  readonly result: Promise<ExecResult>;
  readonly #options: ExecOptions;
  readonly #command: readonly Word[];
  readonly #abort = new AbortController();
  readonly #attempts: Attempt[] = [];
  readonly #startedAt = new Date();
  readonly #startedAtMs = monotonicMs();
  readonly #stdout: Capture;
  readonly #stderr: Capture;
  /** The descriptor of the terminal that the command is given, or that is read for it. */
  readonly #terminalFd: number | undefined;
  #container: Container | undefined;
  #method: MethodName | null = null;
  #session: Session | undefined;
  #canceledBy: ForwardedSignal | 'SIGKILL' | undefined;
  #timedOut = false;
  #treeEnded = true;
  #outputIncomplete = false;
  /** Why output that had come could not be written where it was to go. */
  #unwritten: string | undefined;
  /** Why not all of the input could be read here. */
  #unread: string | undefined;
  #timeoutTimer: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(inventory: HostInventory, target: string, command: readonly Word[], options: ExecOptions) {
    this.id = options.id ?? newExecutionId();
    this.#options = options;
    this.#command = command;
    const limit = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    this.#stdout = new Capture(limit);
    this.#stderr = new Capture(limit);
    const { stdin = 'none' } = options;
    this.#terminalFd = stdin !== 'none' && 'fd' in stdin && isatty(stdin.fd) ? stdin.fd : undefined;
    this.result = this.#run(inventory, target);
  }

  signal(signal: ForwardedSignal): void {
    if (CANCELING.has(signal)) {
      this.#canceledBy ??= signal;
      this.#end(signal);
    } else {
      this.#session?.signal(signal);
    }
  }

  kill(): void {
    this.#canceledBy ??= 'SIGKILL';
    this.#end('SIGKILL');
  }

  resize(columns: number, rows: number): void {
    this.#session?.resize(columns, rows);
  }

  async #run(inventory: HostInventory, target: string): Promise<ExecResult> {
    const { timeoutMs } = this.#options;
    if (timeoutMs !== undefined) {
      this.#timeoutTimer = setTimeout(() => {
        this.#timedOut = true;
        this.#end('SIGTERM');
      }, timeoutMs);
    }
    try {
      const container = await findTarget(inventory, target, this.#options, this.#abort.signal);
      this.#container = container;
      await container.vsock?.ready(this.#options.waitForAgentMs ?? 0, this.#abort.signal);
      const running = await validateRunning(container, this.#options.ignoreLock, this.#abort.signal);
      this.#container = running;
      const started = await this.#start(running);
      this.#method = started.method;
      this.#session = started.session;
      this.#container = started.container;
      const { session, method } = started;
      const { notice } = session;
      this.#options.onStarted?.({
        container: identityOf(started.container),
        method,
        ...(notice === undefined ? {} : { notice }),
      });
      return this.#finish(await this.#supervise(started.session));
    } catch (error) {
      return this.#failed(error);
    } finally {
      clearTimeout(this.#timeoutTimer);
      clearTimeout(this.#killTimer);
    }
  }

  async #start(container: Container): Promise<Started> {
    try {
      return await startByChain(
        methodsFor(container, this.#command, this.#options),
        container,
        requestOf(this.id, this.#command, this.#options),
        this.#abort.signal,
        this.#attempts,
        () => validateOnNode(container, this.#options.ignoreLock, this.#abort.signal),
      );
    } catch (error) {
      // A container that stopped meanwhile is the better explanation.
      if (isLxcriError(error) && error.code === 'NoMethodAvailable')
        await validateRunning(container, this.#options.ignoreLock, this.#abort.signal);
      throw error;
    }
  }

  /** Asks the command to end, and sees to it that it does. */
  #end(signal: ForwardedSignal | 'SIGKILL'): void {
    const session = this.#session;
    if (session === undefined) {
      this.#abort.abort(new Error('canceled'));
      return;
    }
    if (signal === 'SIGKILL') {
      void session.kill();
      return;
    }
    session.signal(signal);
    this.#killTimer ??= setTimeout(() => void session.kill(), this.#options.killAfterMs ?? DEFAULT_KILL_AFTER_MS);
  }

  async #supervise(session: Session): Promise<SessionExit> {
    // A request to end that came while the method was starting the command.
    if (this.#canceledBy !== undefined || this.#timedOut) this.#end(this.#canceledBy ?? 'SIGTERM');
    const { stdin = 'none', stdout = 'capture', stderr = 'capture' } = this.#options;
    const unwritten = (error: NodeJS.ErrnoException): void => {
      this.#unwritten ??= error.code ?? error.message;
    };
    const pumps = [
      outputPump(session.stdout, stdout, (chunk) => this.#stdout.write(chunk), unwritten),
      outputPump(session.stderr, stderr, (chunk) => this.#stderr.write(chunk), unwritten),
    ].filter((made) => made !== undefined);
    const stopInput = feed(session.stdin, stdin, {
      end: () => this.#isTerminalGone() && this.signal('SIGHUP'),
      error: (error) => {
        // A command that sees the end of its input takes what it got for the whole.
        this.#unread ??= error.code ?? error.message;
        void session.kill();
      },
    });
    const exit = await session.exit;
    this.#options.onExited?.();
    clearTimeout(this.#timeoutTimer);
    clearTimeout(this.#killTimer);
    stopInput();
    // It may have ended with its terminal, before we get the signal.
    if (this.#isTerminalGone()) this.#canceledBy ??= 'SIGHUP';
    // What a command that ended by itself left running was meant to stay.
    if (this.#canceledBy !== undefined || this.#timedOut || this.#unread !== undefined || exit.kind === 'lost')
      this.#treeEnded = await session.kill();
    const unfinished = await Promise.all(pumps.map((made) => made.settle(SETTLE_MS)));
    this.#outputIncomplete = unfinished.includes(true) || (exit.kind === 'exited' && exit.outputIncomplete === true);
    if (exit.kind === 'exited' && exit.truncated === true) this.#stdout.cut();
    await session.release();
    return exit;
  }

  #isTerminalGone(): boolean {
    return this.#terminalFd !== undefined && isHungUp(this.#terminalFd);
  }

  #finish(exit: SessionExit): ExecResult {
    if (exit.kind === 'not-started') {
      this.#method = null;
      // There is no tree.
      this.#session = undefined;
      const last = this.#attempts.at(-1);
      if (last !== undefined) Object.assign(last, { outcome: 'failed-before-start', reason: exit.error.message });
      if (this.#timedOut || this.#canceledBy !== undefined) return this.#failed(exit.error);
      return this.#report({ exitCode: exit.error.exitCode, started: false, error: exit.error });
    }
    const canceled = this.#canceledBy !== undefined;
    // Who could not be asked whether it was ended does not say that it was, nor that it was not.
    const connectionLost = exit.kind === 'lost' && !this.#treeEnded;
    if (this.#timedOut) {
      const late = `the command did not end within ${this.#options.timeoutMs} ms`;
      const error = connectionLost
        ? new LxcriError(
            'ExecutionTimeout',
            `${late}, and it is not known whether it was ended: ${exit.reason}`,
            'check in the container what the command has done, and whether it still runs',
          )
        : new LxcriError(
            'ExecutionTimeout',
            `${late} and was ${this.#treeEnded ? 'ended' : `killed, but ${this.#session?.leftover ?? UNKILLABLE}`}`,
            'give it more time with --timeout',
          );
      return this.#report({ exitCode: EXIT.timedOut, started: true, connectionLost, error });
    }
    if (this.#unread !== undefined && this.#canceledBy === undefined) {
      const unread = new LxcriError(
        'ConnectionLost',
        `standard input could not be read here to its end (${this.#unread}), and the command was ended`,
        'see where standard input comes from, and in the container what the command has done with the part it got',
      );
      return this.#report({ exitCode: EXIT.connectionLost, started: true, connectionLost: true, error: unread });
    }
    if (exit.kind === 'exited' && this.#unwritten !== undefined) {
      const unwritten = new LxcriError(
        'ConnectionLost',
        `the command ended with exit code ${exit.exitCode}, but its output could not be written here (${this.#unwritten})`,
        'see where standard output and standard error go; a full disk?',
      );
      return this.#report({
        exitCode: EXIT.connectionLost,
        started: true,
        canceled,
        connectionLost: true,
        error: unwritten,
      });
    }
    if (exit.kind === 'exited')
      return this.#report({ exitCode: exit.exitCode, signal: exit.signal, started: true, canceled });
    if (this.#canceledBy !== undefined) {
      const exitCode = exitCodeOfSignal(this.#canceledBy);
      if (!connectionLost) return this.#report({ exitCode, started: true, canceled });
      const unknown = new LxcriError(
        'ConnectionLost',
        `the command was asked to end, and it is not known whether it did: ${exit.reason}`,
        'check in the container what the command has done, and whether it still runs',
      );
      return this.#report({ exitCode, started: true, canceled, connectionLost, error: unknown });
    }
    const error = new LxcriError(
      'ConnectionLost',
      `the command's exit status was lost: ${exit.reason}`,
      'check in the container what the command has done before running it again',
    );
    return this.#report({ exitCode: EXIT.connectionLost, started: true, connectionLost: true, error });
  }

  #failed(error: unknown): ExecResult {
    if (this.#timedOut) {
      const timeout = new LxcriError(
        'ExecutionTimeout',
        `nothing was started within ${this.#options.timeoutMs} ms`,
        'give it more time with --timeout',
      );
      return this.#report({ exitCode: EXIT.timedOut, started: false, error: timeout });
    }
    if (this.#canceledBy !== undefined)
      return this.#report({ exitCode: exitCodeOfSignal(this.#canceledBy), started: false, canceled: true });
    const known = asHostFailure(error);
    if (!isLxcriError(known)) throw known;
    return this.#report({ exitCode: known.exitCode, started: false, error: known });
  }

  #report(outcome: Outcome): ExecResult {
    const { error = null } = outcome;
    const stdout = this.#stdout.take();
    const stderr = this.#stderr.take();
    return {
      ...newResult(this.id, this.#command, this.#startedAt),
      container: this.#container === undefined ? null : identityOf(this.#container),
      method: this.#method,
      exitCode: outcome.exitCode,
      signal: outcome.signal ?? null,
      stdout: stdout.text,
      stderr: stderr.text,
      stdoutEncoding: stdout.encoding,
      stderrEncoding: stderr.encoding,
      truncated: this.#stdout.truncated || this.#stderr.truncated,
      outputIncomplete: this.#outputIncomplete,
      timedOut: this.#timedOut,
      canceled: outcome.canceled ?? false,
      connectionLost: outcome.connectionLost ?? false,
      started: outcome.started,
      treeKill: (this.#session?.treeKill ?? false) && this.#treeEnded,
      durationMs: Math.round((monotonicMs() - this.#startedAtMs) * 10) / 10,
      attempts: this.#attempts,
      error: error?.toInfo() ?? null,
    };
  }
}

interface Outcome {
  exitCode: number;
  started: boolean;
  signal?: string | null;
  canceled?: boolean;
  connectionLost?: boolean;
  error?: LxcriError;
}
