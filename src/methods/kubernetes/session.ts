import type { Readable, Writable } from 'node:stream';

import type { ChannelEnd, PodChannel } from '../../model/pod.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import { terminalInput } from '../../terminal/input.ts';
import type { Guard } from './guard.ts';
import type { MarkedOutput } from './marked-output.ts';

/** How long nothing may come of the output, once the command has ended, before it is held by what outlived the command. */
const HELD_OUTPUT_MS = 1000;
const LOOK_MS = 100;

/** How long the end of the command may take, once its processes were killed. */
const KILL_GRACE_MS = 3000;

/** The parts of a session. */
export interface PodSessionParts {
  readonly channel: PodChannel;
  /** Absent where the container has no shell. */
  readonly guard: Guard | undefined;
  readonly treeKill: boolean;
  readonly hasTerminal: boolean;
  /** Without a terminal. */
  readonly stdin: boolean;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** The stream that its launcher says on how it ended, where there is one. */
  readonly marked: MarkedOutput | undefined;
  /** What the channel's end means. */
  readonly judge: (end: ChannelEnd) => SessionExit | Promise<SessionExit>;
}

/** A command in a container of a pod. */
export class PodSession implements Session {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly #parts: PodSessionParts;
  #treeKill: boolean;
  #ended = false;
  #isBroken = false;
  #isEnding = false;
  #settle: (exit: SessionExit) => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PodSessionParts) {
    this.#parts = parts;
    const { channel, hasTerminal, marked } = parts;
    this.#treeKill = parts.treeKill;
    // The other end of a terminal is always there, and reads nothing for ever unless it is told.
    this.stdin = hasTerminal ? terminalInput(channel.stdin) : parts.stdin ? channel.stdin : null;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    const settled = new Promise<SessionExit>((resolve) => (this.#settle = resolve));
    this.exit = settled.then((exit) => {
      this.#ended = true;
      clearInterval(this.#timer);
      return exit;
    });
    channel.onUnread = () => this.#breakPipe();
    void channel.ended.then(async (end) => this.#settle(await parts.judge(end)));
    void marked?.exited.then((code) => {
      // The container reads what the command has left of it, to its end.
      channel.endInput();
      this.#waitForHeldOutput(code);
    });
  }

  get treeKill(): boolean {
    return this.#treeKill;
  }

  resize(columns: number, rows: number): void {
    if (this.#parts.hasTerminal && !this.#ended) this.#parts.channel.resize(columns, rows);
  }

  signal(signal: ForwardedSignal): void {
    // A terminal that changes its size says so itself.
    if (this.#ended || (signal === 'SIGWINCH' && this.#parts.hasTerminal)) return;
    if (ENDING.has(signal)) this.#isEnding = true;
    void this.#parts.guard?.signal(signal);
  }

  async kill(): Promise<boolean> {
    const { guard, channel } = this.#parts;
    this.#isEnding = true;
    const answer = await guard?.kill();
    const isEmpty = answer === true;
    this.#treeKill = isEmpty;
    const isSilent = guard !== undefined && answer === undefined;
    const why = isSilent ? 'nothing was heard from the pod any more' : undefined;
    // Where nobody has answered, nobody will.
    const timer = setTimeout(() => channel.close(why), answer === undefined ? 0 : KILL_GRACE_MS);
    await channel.ended;
    await this.exit;
    clearTimeout(timer);
    return isEmpty;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    this.#parts.channel.close();
    await this.#parts.guard?.end();
  }

  /** For a command that goes on writing to a reader that has gone. */
  #breakPipe(): void {
    if (this.#ended || this.#isBroken) return;
    this.#isBroken = true;
    void this.#parts.guard?.signal('SIGPIPE').then(() => {
      setTimeout(() => (this.#isBroken = false), HELD_OUTPUT_MS).unref();
    });
  }

  /** The rest of the output comes with the end of what holds it, or is lost. */
  #settleBeforeEnd(exitCode: number): void {
    const exit: SessionExit = { kind: 'exited', exitCode, signal: null };
    void this.#parts.channel.ended.then((end) => {
      if (end.kind === 'lost') exit.outputIncomplete = true;
    });
    this.#settle(exit);
  }

  /** The server says nothing as long as somebody holds the output. */
  #waitForHeldOutput(exitCode: number): void {
    if (this.#ended) return;
    const { channel } = this.#parts;
    let quietSince = Date.now();
    const look = (): void => {
      const now = Date.now();
      // Whoever ends it ends what holds its output too.
      if (this.#isEnding) return this.#settleBeforeEnd(exitCode);
      if (channel.isFull) quietSince = now;
      if (now - Math.max(channel.heardAt, quietSince) < HELD_OUTPUT_MS) return;
      this.#settle({ kind: 'exited', exitCode, signal: null, outputIncomplete: true });
      channel.close();
    };
    this.#timer = setInterval(look, LOOK_MS);
    look();
  }
}

/** After these whoever sends them sees to it that all ends. */
const ENDING: ReadonlySet<ForwardedSignal> = new Set<ForwardedSignal>(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);
