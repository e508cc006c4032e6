import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import { RUN_MESSAGES } from '../attach/container-script.ts';
import { refusal } from '../attach/failures.ts';
import { inputTooLarge } from './guest-agent.ts';
import type { Ended, GuestAgent, Outcome } from './guest-agent.ts';
import type { Launched } from './failures.ts';
import { CONTROL_EXIT, LET_GO } from './guest-script.ts';
import { controlWords } from './words.ts';

/** How a request is put to the agent. */
export interface LaunchPlan {
  /** Whether the command says to us that it starts, and can be found again; a Windows has nothing for that. */
  readonly hasShell: boolean;
  readonly words: readonly string[];
  /** Goes before the command's own input. */
  readonly head: Buffer;
  /** How long that may be, in bytes. */
  readonly maxInputBytes: number;
}

/** What became of a session's start. */
export type SessionLaunch = Exclude<Launched, { kind: 'no-program' }>;

/** The longest between two looks. */
const LAST_LOOK_MS = 30_000;

/** Until the next look at a command that was asked to end. */
const LOOK_AT_END_MS = 250;

/** How long the guest and its agent get: an agent may never say that something ended, as when that is stuck in the kernel. */
export interface AgentPatience {
  /** How long a command may run before it is looked after whether it has ended, and a daemon holds its output. */
  readonly firstLookMs: number;
  /** From when everything was ended until the command is given up. */
  readonly afterKillMs: number;
  /** For what we run in the guest to end the command; some seconds is what it takes where something is left. */
  readonly controlMs: number;
}

const PATIENCE: AgentPatience = { firstLookMs: 1500, afterKillMs: 5000, controlMs: 30_000 };

/** Until the server is asked again to end a command, when it could not be. */
const KILL_AGAIN_MS = 250;

/** What may let go of output that is held. */
const LETTING_GO: ReadonlySet<string> = new Set(['LOOK', 'END', 'KILL']);

const CANCELING: ReadonlySet<ForwardedSignal> = new Set<ForwardedSignal>(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/**
 * A command that runs in a virtual machine by its QEMU guest agent. That takes the whole standard input with the start,
 * and tells the output when all is over: so where there is an input, the command is started when that has ended.
 */
export class AgentSession implements Session {
  treeKill = true;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly #agent: GuestAgent;
  readonly #instead: (said: string) => Promise<LaunchPlan | LxcriError>;
  #plan: LaunchPlan;
  readonly #request: ExecRequest;
  readonly #settle: (exit: SessionExit) => void;
  readonly #input: Buffer[] = [];
  #inputBytes = 0;
  #launched: Promise<SessionLaunch> | undefined;
  /** Of the command, until the agent has said what became of it. */
  #pid: number | undefined;
  #settled = false;
  /** The command was killed, and the agent does not say that it has ended. */
  #isGivenUp = false;
  readonly #over = new AbortController();
  readonly #patience: AgentPatience;
  /** Output that was held was let go of, or may have been: nobody has answered whether it was. */
  #isCut = false;
  /** It was asked to end: then what is left of its tree ends with it. */
  #isToEnd = false;
  /** A look that is under way: what it does must not come between the command and a request to end. */
  #look: Promise<void> | undefined;
  /** The end of the whole tree, asked for. */
  #ending: Promise<number | undefined> | undefined;
  #nextLookAt = 0;
  #lookAfterMs: number;

  /** @param instead what to do in a guest that has not what the plan takes. */
  constructor(
    agent: GuestAgent,
    request: ExecRequest,
    plan: LaunchPlan,
    instead: (said: string) => Promise<LaunchPlan | LxcriError>,
    patience = PATIENCE,
  ) {
    this.#patience = patience;
    this.#lookAfterMs = patience.firstLookMs;
    this.#agent = agent;
    this.#request = request;
    this.#plan = plan;
    this.#instead = instead;
    this.stdout = request.stdout.kind === 'null' ? null : outputStream();
    this.stderr = request.stderr.kind === 'null' ? null : outputStream();
    const { promise, resolve } = Promise.withResolvers<SessionExit>();
    this.exit = promise;
    this.#settle = (exit) => {
      this.#settled = true;
      this.#over.abort();
      for (const stream of [this.stdout, this.stderr]) if (stream?.readable === true) stream.push(null);
      resolve(exit);
    };
    this.stdin = request.stdin.kind === 'null' ? null : this.#inputStream();
  }

  /** Starts the command with the input that has come. */
  launch(): Promise<SessionLaunch> {
    this.#launched ??= this.#launch();
    return this.#launched;
  }

  resize(): void {}

  signal(signal: ForwardedSignal): void {
    if (this.#launched === undefined) {
      if (CANCELING.has(signal)) this.#neverStarted(canceled());
      return;
    }
    void this.#launched.then((launched) => {
      if (launched.kind !== 'started' || this.#settled) return;
      if (this.#plan.hasShell) void this.#pass(signal);
      else if (CANCELING.has(signal)) this.#settle(LOST_SIGHT);
    });
  }

  async #pass(signal: ForwardedSignal): Promise<void> {
    const isToEnd = CANCELING.has(signal);
    if (isToEnd) this.#isToEnd = true;
    await this.#look;
    await this.#control(signal.slice('SIG'.length));
    if (!isToEnd) return;
    this.#lookAfterMs = LOOK_AT_END_MS;
    this.#nextLookAt = 0;
  }

  async kill(): Promise<boolean> {
    if (this.#launched === undefined) {
      this.#neverStarted(canceled());
      return true;
    }
    const launched = await this.#launched;
    if (launched.kind === 'refused') return true;
    if (!this.#plan.hasShell) {
      if (!this.#settled) this.#settle(LOST_SIGHT);
      return false;
    }
    if (this.#isGivenUp) return false;
    this.#isToEnd = true;
    await within(this.#patience.afterKillMs, this.#look);
    this.#ending = this.#killTree();
    const ended = await this.#ending;
    if (ended === undefined && this.#pid !== undefined && !this.#settled)
      this.#settle({ kind: 'lost', reason: `the command could not be ended: ${this.#agent.name} cannot be asked` });
    await within(this.#patience.afterKillMs, this.exit);
    if (!this.#settled) {
      this.#isGivenUp = true;
      const state = ended === CONTROL_EXIT.left ? 'processes of it are left (in the kernel)' : 'it was killed';
      this.#settle({
        kind: 'lost',
        reason: `${state}, and the guest agent of ${this.#agent.name} does not say that it has ended`,
      });
    }
    return ended === CONTROL_EXIT.done && !this.#isGivenUp;
  }

  release(): Promise<void> {
    this.#settled = true;
    this.#over.abort();
    return Promise.resolve();
  }

  #inputStream(): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#inputBytes += chunk.length;
        // Its buffer is its writer's again when this is done.
        if (this.#inputBytes <= this.#plan.maxInputBytes) this.#input.push(Buffer.from(chunk));
        else this.#neverStarted(inputTooLarge(this.#plan.maxInputBytes));
        done();
      },
      final: (done) => {
        // Nobody waits for this start.
        if (!this.#settled)
          void this.launch().then((launched) => launched.kind === 'refused' && this.#neverStarted(launched.error));
        done();
      },
    });
  }

  async #launch(): Promise<SessionLaunch> {
    let launched = await this.#put();
    if (launched.kind === 'no-program') {
      const other = await this.#instead(launched.said);
      if (other instanceof LxcriError) return { kind: 'refused', error: other };
      this.#plan = other;
      this.treeKill = other.hasShell;
      launched = await this.#put();
    }
    this.#input.length = 0;
    if (launched.kind === 'no-program') return { kind: 'refused', error: noCommand(launched.said, this.#request) };
    if (launched.kind === 'unclear') this.#settle({ kind: 'lost', reason: launched.reason });
    if (launched.kind === 'started') void this.#supervise(launched.pid);
    return launched;
  }

  #put(): Promise<Launched> {
    return this.#agent.launch(this.#plan.words, Buffer.concat([this.#plan.head, ...this.#input]));
  }

  #neverStarted(error: LxcriError): void {
    if (!this.#settled) this.#settle({ kind: 'not-started', error });
  }

  async #supervise(pid: number): Promise<void> {
    this.#pid = pid;
    this.#nextLookAt = Date.now() + this.#lookAfterMs;
    const outcome = await this.#agent.wait(pid, { onRunning: () => this.#lookAfter(), abort: this.#over.signal });
    this.#pid = undefined;
    if (outcome.kind === 'ended') {
      // What lets go of the output ends the command, as the agent sees it, before it can say itself that it did.
      await within(this.#patience.afterKillMs, Promise.all([this.#look, this.#ending]));
      if (this.#look !== undefined) this.#isCut = true;
    }
    if (!this.#settled) this.#settle(this.#judge(outcome));
  }

  /** Whether the command itself has ended, and only its output is held: then that is let go. */
  #lookAfter(): void {
    if (!this.#plan.hasShell || this.#look !== undefined || Date.now() < this.#nextLookAt) return;
    this.#lookAfterMs = Math.min(this.#lookAfterMs * 2, LAST_LOOK_MS);
    this.#look = this.#control(this.#isToEnd ? 'END' : 'LOOK').then(() => {
      this.#look = undefined;
      this.#nextLookAt = Date.now() + this.#lookAfterMs;
    });
  }

  /** Ends the tree; a connection that is only interrupted comes back, and to ask twice does no harm. */
  async #killTree(): Promise<number | undefined> {
    const deadline = Date.now() + this.#patience.afterKillMs;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const ended = await this.#control('KILL');
      if (ended !== 'unreachable') return ended;
      if (Date.now() > deadline) return undefined;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sleep(KILL_AGAIN_MS);
    }
  }

  /** Runs CONTROL_SCRIPT; resolves to its exit code, or to `unreachable` where another attempt may get there. */
  async #control(what: string): Promise<number | 'unreachable' | undefined> {
    const launched = await this.#agent.launch(controlWords(what, this.#pid ?? 0, this.#request.id), undefined);
    const mayLetGo = LETTING_GO.has(what);
    if (launched.kind === 'unclear') {
      if (mayLetGo) this.#isCut = true;
      return 'unreachable';
    }
    if (launched.kind === 'refused' && launched.error.code === 'PlatformUnreachable') return 'unreachable';
    if (launched.kind !== 'started') return undefined;
    const abort = AbortSignal.timeout(this.#patience.controlMs);
    const outcome = await this.#agent.wait(launched.pid, { abort });
    if (abort.aborted && outcome.kind === 'unknown' && what === 'KILL') this.#isGivenUp = true;
    if (outcome.kind !== 'ended') {
      if (mayLetGo) this.#isCut = true;
      return undefined;
    }
    if (mayLetGo && outcome.stdout.includes(LET_GO)) this.#isCut = true;
    // The command still runs: whatever was asked before has not let go of its output.
    else if (mayLetGo && what !== 'KILL' && outcome.exitCode === CONTROL_EXIT.left) this.#isCut = false;
    return outcome.exitCode;
  }

  #judge(outcome: Outcome): SessionExit {
    if (outcome.kind === 'unknown') return { kind: 'lost', reason: outcome.reason };
    const { stderr, message } = this.#plan.hasShell
      ? afterMessage(outcome.stderr, this.#request.id)
      : { stderr: outcome.stderr, message: 'started' };
    if (message !== 'started') return { kind: 'not-started', error: this.#refusal(message, outcome) };
    this.stdout?.push(outcome.stdout);
    this.stderr?.push(stderr);
    const { truncated } = outcome;
    const outputIncomplete = this.#isCut;
    if (outcome.signal !== undefined) {
      // Those of real time have a number that is the same everywhere, and names that are not.
      const signal = signalName(outcome.signal) ?? null;
      return { kind: 'exited', exitCode: 128 + outcome.signal, signal, truncated, outputIncomplete };
    }
    if (outcome.exitCode === undefined) return { kind: 'lost', reason: 'the agent gave no exit code' };
    // Those of a Windows have 32 bits; one that does not fit must not become 0.
    const exitCode = outcome.exitCode >= 0 && outcome.exitCode <= 255 ? outcome.exitCode : 255;
    return { kind: 'exited', exitCode, signal: null, truncated, outputIncomplete };
  }

  #refusal(message: string | undefined, { stderr, exitCode, signal }: Ended): LxcriError {
    const known = message === undefined ? undefined : refusal(message, this.#request);
    if (known instanceof LxcriError) return known;
    const [line = ''] = stderr.toString().trim().split('\n');
    return new LxcriError(
      'NoMethodAvailable',
      `the shell of ${this.#agent.name} ended before the command started (${signal === undefined ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signal}`}${line === '' ? '' : `: ${line.slice(0, 200)}`})`,
      'check in the guest that /bin/sh, printf and tr work',
    );
  }
}

/** A command in a Windows that was to end: nothing there ends it from here. */
const LOST_SIGHT: SessionExit = { kind: 'lost', reason: 'a command in a Windows guest cannot be ended from here' };

function canceled(): LxcriError {
  return new LxcriError('OperationFailed', 'canceled before the command was started');
}

/** The error of a command that the agent could not start itself. */
function noCommand(said: string, { command }: ExecRequest): LxcriError {
  const word = JSON.stringify(String(command[0] ?? ''));
  if (/No such file|not found/i.test(said))
    return new LxcriError('CommandNotFound', `no command ${word} in the guest: ${said}`, 'check its name');
  return new LxcriError(
    'CommandNotExecutable',
    `${word} cannot be executed in the guest: ${said}`,
    'check that it is a program',
  );
}

/** All of it comes at once, when the command has ended. */
function outputStream(): Readable {
  return new Readable({ read() {} });
}

/** Waits for something, but not longer than that. */
async function within(milliseconds: number, what: Promise<unknown> | undefined): Promise<void> {
  if (what === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([what, promise]);
  clearTimeout(timer);
}

/** Takes apart what LAUNCH_SCRIPT said and what came after that. Before it is at most what the guest's shell complains of. */
function afterMessage(stderr: Buffer, id: string): { stderr: Buffer; message: string | undefined } {
  const start = stderr.indexOf(`${id} `);
  const end = start === -1 ? -1 : stderr.indexOf('\n', start);
  if (end === -1) return { stderr, message: undefined };
  const message = stderr.subarray(start + id.length + 1, end).toString();
  const isKnown = RUN_MESSAGES.some((each) => each === message.split(' ')[0]);
  return { stderr: stderr.subarray(end + 1), message: isKnown ? message : undefined };
}

function signalName(number: number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] as NodeJS.Signals | undefined;
}
