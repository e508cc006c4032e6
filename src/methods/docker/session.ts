import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';

import type { Engine } from '../../model/engine.ts';
import { isLxcriError } from '../../model/errors.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import type { ProcessTree } from '../../process/tree.ts';
import type { Watchdog } from '../../process/watchdog.ts';
import type { ControlInside } from './control.ts';
import { BROKEN_ATTACH, lookAt, resizeTerminal } from './execution.ts';
import type { CommandOutput, OutputEnd } from './output.ts';

/** What acts on the processes of a command. */
export type CommandProcesses =
  /** They are processes of this host. */
  | { readonly kind: 'host'; readonly tree: ProcessTree }
  | { readonly kind: 'inside'; readonly control: ControlInside; readonly proven: boolean }
  /** Where its process is was not learned. */
  | {
      readonly kind: 'unknown';
      readonly control: ControlInside;
      readonly tree: ProcessTree | undefined;
      readonly reason: string;
    };

/** The parts of a session. */
export interface DockerSessionParts {
  readonly engine: Engine;
  /** The engine's id of the execution. */
  readonly id: string;
  readonly processes: CommandProcesses;
  readonly output: CommandOutput;
  readonly stdin: Writable | null;
  readonly hasTerminal: boolean;
  readonly watchdog: Pick<Watchdog, 'dismiss'> | undefined;
  /** Where it has ended before we looked. */
  readonly exitCode: number | undefined;
}

/** How often a command of this host is looked at: its output may be held by others when it has ended. */
const LOOK_MS = 100;

/** How long the end of the output may follow that of the command, and the engine's word on it that. */
const OUTPUT_GRACE_MS = 150;
const STATE_GRACE_MS = 10_000;

/** Output that is silent for so long, when its command has ended, is held by somebody else. */
const HELD_MS = 1000;
const STATE_PAUSE_MS = 10;
const LAST_STATE_PAUSE_MS = 250;

/** How often a command of this host is told that nobody reads its output. */
const HOST_PIPE_PAUSE_MS = 20;

/** How often a command inside is told that nobody reads its output, and the pause behind each. */
const PIPE_TRIES = 3;
const PIPE_PAUSE_MS = 300;

/** How long the end of the command may take, once its processes were killed. */
const KILL_GRACE_MS = 3000;

/** A command that an engine runs. */
export class DockerSession implements Session {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly #parts: DockerSessionParts;
  #treeKill: boolean;
  #ended = false;
  #pipeTries = 0;
  #brokenAt = 0;
  #isBreakingPipe = false;
  #gaveUp: (exit: SessionExit) => void = () => {};

  constructor(parts: DockerSessionParts) {
    this.#parts = parts;
    this.stdin = parts.stdin;
    this.stdout = parts.output.stdout;
    this.stderr = parts.output.stderr;
    const { processes } = parts;
    this.#treeKill = processes.kind === 'host' || (processes.kind === 'inside' && processes.proven);
    const givenUp = new Promise<SessionExit>((resolve) => (this.#gaveUp = resolve));
    this.exit = Promise.race([this.#watch(), givenUp]).then((exit) => {
      this.#ended = true;
      return exit;
    });
  }

  get treeKill(): boolean {
    return this.#treeKill;
  }

  resize(columns: number, rows: number): void {
    const { hasTerminal, engine, id } = this.#parts;
    if (hasTerminal && !this.#ended) void resizeTerminal(engine, id, columns, rows);
  }

  signal(signal: ForwardedSignal): void {
    // A terminal that changes its size says so itself.
    if (this.#ended || (signal === 'SIGWINCH' && this.#parts.hasTerminal)) return;
    const { processes } = this.#parts;
    if (processes.kind !== 'host') {
      void processes.control.signal(signal);
      return;
    }
    const concernsOne = signal === 'SIGUSR1' || signal === 'SIGUSR2' || signal === 'SIGWINCH';
    if (concernsOne) processes.tree.signalCommand(signal);
    else processes.tree.signalCommandGroup(signal);
  }

  /** For a command that goes on writing to a reader that has gone. */
  breakPipe(): void {
    if (this.#ended) return;
    const { processes } = this.#parts;
    if (processes.kind === 'host') {
      // Each looks for the processes, and there may be thousands of frames in a moment.
      const now = Date.now();
      if (now - this.#brokenAt < HOST_PIPE_PAUSE_MS) return;
      processes.tree.signalCommandGroup('SIGPIPE');
      this.#brokenAt = now;
    } else void this.#breakPipeInside(processes.control);
  }

  /** Every try is a further execution in the container: one at a time, a few, and only for a command that still writes. */
  async #breakPipeInside(control: ControlInside): Promise<void> {
    if (this.#isBreakingPipe) return;
    this.#isBreakingPipe = true;
    if (this.#pipeTries >= PIPE_TRIES) return this.#closeUnread();
    this.#pipeTries += 1;
    await control.signal('SIGPIPE');
    await sleep(PIPE_PAUSE_MS, undefined, { ref: false });
    this.#isBreakingPipe = false;
  }

  /** Gives up a connection whose output nobody reads, so that the engine closes the command's pipe. */
  async #closeUnread(): Promise<void> {
    const { output, engine, id } = this.#parts;
    const state = await lookAt(engine, id, AbortSignal.timeout(STATE_GRACE_MS)).catch(() => undefined);
    this.#gaveUp(
      state?.kind === 'ended'
        ? { kind: 'exited', exitCode: state.exitCode, signal: null }
        : { kind: 'lost', reason: 'nobody reads its output any more, and SIGPIPE does not end it' },
    );
    output.close();
  }

  async kill(): Promise<boolean> {
    const { processes, output } = this.#parts;
    const empty = await (isOfHost(processes) ? processes.tree.kill() : processes.control.kill(this.#parts.id));
    if (processes.kind !== 'host') this.#treeKill = empty;
    if (!this.#ended) {
      const timer = setTimeout(() => {
        output.close();
        this.#gaveUp({ kind: 'lost', reason: 'the engine does not say that it has ended' });
      }, KILL_GRACE_MS);
      await this.exit;
      clearTimeout(timer);
    }
    return empty;
  }

  async release(): Promise<void> {
    this.#parts.output.close();
    await this.#parts.watchdog?.dismiss();
    this.#parts.engine.close();
  }

  async #watch(): Promise<SessionExit> {
    const { output, processes } = this.#parts;
    if (processes.kind === 'unknown') {
      await output.ended;
      return { kind: 'lost', reason: processes.reason };
    }
    const end = await Promise.race([output.ended, this.#commandGone()]);
    if (end === 'gone') {
      output.watchSilence();
      return this.#outcome(await this.#restOfOutput(), true);
    }
    return this.#outcome(end, false);
  }

  /** What others still write is not waited for, but what has begun must come whole. */
  async #restOfOutput(): Promise<OutputEnd> {
    const { output } = this.#parts;
    const deadline = Date.now() + STATE_GRACE_MS;
    let grace = OUTPUT_GRACE_MS;
    do {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const ended = await Promise.race([output.ended, sleep(grace, undefined, { ref: false })]);
      if (ended !== undefined) return ended;
      grace = STATE_PAUSE_MS;
      if (!output.isWithinFrame) return { kind: 'whole' };
    } while (Date.now() < deadline);
    return { kind: 'broken', reason: 'the rest of the output does not come' };
  }

  /** Resolves when the command itself has ended; where it is another host's, only the engine knows. */
  async #commandGone(): Promise<'gone'> {
    const { processes } = this.#parts;
    if (processes.kind !== 'host') return new Promise(() => {});
    while (!this.#ended && processes.tree.commandPid !== undefined) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await sleep(LOOK_MS, undefined, { ref: false });
    }
    return 'gone';
  }

  /**
   * @param isOver the command is known to have ended.
   */
  async #outcome(end: OutputEnd, isOver: boolean): Promise<SessionExit> {
    const { engine, id, exitCode, processes, output } = this.#parts;
    if (exitCode !== undefined && end.kind === 'whole') return { kind: 'exited', exitCode, signal: null };
    let known = isOver;
    let deadline = Date.now() + STATE_GRACE_MS;
    for (let pause = STATE_PAUSE_MS; ; pause = Math.min(pause * 2, LAST_STATE_PAUSE_MS)) {
      let state: Awaited<ReturnType<typeof lookAt>>;
      try {
        // oxlint-disable-next-line no-await-in-loop -- one look after the other
        state = await lookAt(engine, id, AbortSignal.timeout(STATE_GRACE_MS));
      } catch (error) {
        const reason = isLxcriError(error) ? error.message : 'the engine does not answer';
        return { kind: 'lost', reason };
      }
      if (state.kind === 'unclear') return { kind: 'lost', reason: state.reason };
      if (state.kind === 'gone') return { kind: 'lost', reason: `the container was removed (${state.reason})` };
      if (state.kind === 'ended') {
        if (end.kind === 'broken') return { kind: 'lost', reason: `the connection was lost: ${end.reason}` };
        if (state.exitCode === BROKEN_ATTACH && processes.kind === 'host' && processes.tree.commandPid !== undefined)
          return { kind: 'lost', reason: 'the connection of the engine to the command was lost' };
        const exit = { kind: 'exited' as const, exitCode: state.exitCode, signal: null };
        // Engines from 23 on end it themselves, two seconds after the command, and do not answer before.
        if (state.hadProcess) return output.silentMs >= HELD_MS ? { ...exit, outputIncomplete: true } : exit;
        // Podman ends the output with the command, whoever holds it, but some time after it says so.
        await Promise.race([output.ended, sleep(STATE_GRACE_MS, undefined, { ref: false })]);
        return exit;
      }
      if (!known && state.kind === 'running') {
        // The output has ended before the command: it has closed it, or the connection was cut.
        if (end.kind === 'broken') return { kind: 'lost', reason: `the connection was lost: ${end.reason}` };
        if (!this.#hasClosedItsOutput()) return { kind: 'lost', reason: 'the connection was closed while it ran' };
        // oxlint-disable-next-line no-await-in-loop -- it may take as long as it likes
        await this.#commandGone();
        known = true;
        deadline = Date.now() + STATE_GRACE_MS;
      } else if (Date.now() > deadline) return { kind: 'lost', reason: 'the engine gives no exit code' };
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await sleep(pause);
    }
  }

  /** Only seen where its processes are of this host, and without a terminal. */
  #hasClosedItsOutput(): boolean {
    const { processes, hasTerminal } = this.#parts;
    return processes.kind === 'host' && !hasTerminal && !processes.tree.holdsOutput();
  }
}

function isOfHost(processes: CommandProcesses): processes is CommandProcesses & { readonly tree: ProcessTree } {
  return processes.kind !== 'inside' && processes.tree !== undefined;
}
