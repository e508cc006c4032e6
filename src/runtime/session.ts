import type { Readable, Writable } from 'node:stream';

import type { ExecResult } from '../model/result.ts';
import type { Input, Output } from '../oci/stdio.ts';
import { startExecution } from '../oci/execution.ts';
import type { Execution } from '../oci/execution.ts';
import type { HostInventory } from '../oci/locate.ts';
import { checkSize } from './check-exec.ts';
import type { CheckedExec } from './check-exec.ts';
import type { InputMode, OutputMode } from './exec-options.ts';
import type { ExecSession, ExecStart, SessionSignal } from './exec-session.ts';
import { Inherited } from './inherited.ts';
import { pipedInput, streamOf } from './piped-input.ts';
import type { PipedInput } from './piped-input.ts';
import { pipedOutput } from './piped-output.ts';
import type { PipedOutput } from './piped-output.ts';
import { shown, usageError } from './usage.ts';
import { writtenInput } from './written-input.ts';

const SIGNALS: readonly unknown[] = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
] satisfies SessionSignal[];

/** Starts what was checked. */
export function startSession(inventory: HostInventory, target: string, call: CheckedExec): ExecSession {
  return new RunningSession(inventory, target, call);
}

class RunningSession implements ExecSession {
  readonly [Symbol.toStringTag] = 'ExecSession';
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly started: Promise<ExecStart | null>;
  readonly exited: Promise<void>;
  readonly #execution: Execution;
  readonly #result: Promise<ExecResult>;
  readonly #inherited = new Inherited();

  constructor(inventory: HostInventory, target: string, call: CheckedExec) {
    const { command, env, user, terminal, options } = call;
    const onBroken = (): void => this.kill();
    const written = call.stdin === 'pipe' ? writtenInput(onBroken) : undefined;
    this.stdin = written?.stream ?? null;
    const source = sourceOf(options);
    const input = source === undefined ? written : pipedInput(source, onBroken);
    const stdout = call.stdout === 'pipe' ? pipedOutput() : undefined;
    const stderr = call.stderr === 'pipe' ? pipedOutput() : undefined;
    this.stdout = stdout?.stream ?? null;
    this.stderr = stderr?.stream ?? null;
    const started = Promise.withResolvers<ExecStart | null>();
    const exited = Promise.withResolvers<void>();
    this.started = started.promise;
    this.exited = exited.promise;
    this.#execution = startExecution(inventory, target, command, {
      env,
      user,
      terminal,
      workdir: options.workdir,
      privileged: options.privileged,
      stdin: this.#inputOf(call.stdin, input),
      stdout: this.#outputOf(call.stdout, 1, stdout),
      stderr: this.#outputOf(call.stderr, 2, stderr),
      maxOutputBytes: options.maxOutputBytes,
      timeoutMs: options.timeoutMs,
      killAfterMs: options.killAfterMs,
      waitForAgentMs: options.waitForAgentMs,
      methods: call.methods,
      preferredMethods: call.preferredMethods,
      node: options.node,
      onStarted: started.resolve,
      onExited: exited.resolve,
    });
    const unlisten = this.#cancelOn(options.signal);
    const atEnd = (): void => {
      unlisten();
      input?.end();
      stdout?.end();
      stderr?.end();
      this.#inherited.release();
      started.resolve(null);
      exited.resolve();
    };
    this.#result = this.#execution.result.finally(atEnd);
  }

  get id(): string {
    return this.#execution.id;
  }

  resize(columns: number, rows: number): void {
    checkSize(columns, rows);
    this.#execution.resize(columns, rows);
  }

  kill(signal: SessionSignal = 'SIGTERM'): void {
    if (!SIGNALS.includes(signal))
      throw usageError(`${shown(signal)} cannot be passed on`, `use one of: ${SIGNALS.join(', ')}`);
    if (signal === 'SIGKILL') this.#execution.kill();
    else this.#execution.signal(signal);
  }

  // oxlint-disable-next-line unicorn/no-thenable -- to await it is to await its result
  then<Value = ExecResult, Reason = never>(
    onResult?: ((result: ExecResult) => Value | PromiseLike<Value>) | null,
    onError?: ((error: unknown) => Reason | PromiseLike<Reason>) | null,
  ): Promise<Value | Reason> {
    return this.#result.then(onResult, onError);
  }

  catch<Reason = never>(
    onError?: ((error: unknown) => Reason | PromiseLike<Reason>) | null,
  ): Promise<ExecResult | Reason> {
    return this.#result.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<ExecResult> {
    return this.#result.finally(onEnd);
  }

  #inputOf(mode: InputMode, piped: PipedInput | undefined): Input {
    if (piped !== undefined) return { feed: piped.feed };
    return mode === 'inherit' ? this.#inherited.input() : 'none';
  }

  #outputOf(mode: OutputMode, fd: 1 | 2, piped: PipedOutput | undefined): Output {
    if (piped !== undefined) return { pump: piped.pump };
    return mode === 'inherit' ? this.#inherited.output(fd) : mode === 'ignore' ? 'ignore' : 'capture';
  }

  #cancelOn(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => {};
    const cancel = (): void => this.kill();
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    return () => signal.removeEventListener('abort', cancel);
  }
}

function sourceOf({ input }: CheckedExec['options']): Readable | undefined {
  return typeof input === 'string' || input instanceof Uint8Array ? streamOf(input) : input;
}
