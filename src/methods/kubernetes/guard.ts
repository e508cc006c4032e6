import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { PodAccess, PodChannel } from '../../model/pod.ts';
import type { ForwardedSignal } from '../../model/session.ts';
import { timerSlackFor } from '../../process/timer-slack.ts';
import { execPath, frame, loaderWords } from './frame.ts';
import { GUARD, GUARD_SAYS, guardScript } from './scripts.ts';

/** How long its connection, or what it is asked to do, may take. */
const LIMIT_MS = 20_000;

/** How long it may take to end the command. */
export interface KillLimits {
  /** With all tries. */
  readonly totalMs: number;
  /**
   * One try: a connection that is silent is no better than one that was lost. Another is tried then: it may be gone for a
   * moment only.
   */
  readonly silenceMs: number;
}

const KILL_LIMITS: KillLimits = { totalMs: 15_000, silenceMs: 8000 };
const PAUSE_MS = 300;

/** How long a connection may stay open that we have let go of. */
const LEAVE_MS = 5000;

/**
 * Watches over a command from beside it in its container, by an execution of its own: it passes signals on, ends the
 * command's processes, and does so too when the connection to us is lost.
 */
export class Guard {
  readonly #access: PodAccess;
  readonly #execId: string;
  readonly #prefix: readonly string[];
  readonly #limits: KillLimits;
  #post: Promise<Post | undefined> | undefined;
  readonly #over = new AbortController();
  #isOver = false;
  #isGivenUp = false;

  /** @param prefix as of guardScript. */
  constructor(access: PodAccess, execId: string, prefix: readonly string[], limits = KILL_LIMITS) {
    this.#limits = limits;
    this.#access = access;
    this.#execId = execId;
    this.#prefix = prefix;
  }

  /** Goes to its post; at once, as far as the caller is concerned. */
  begin(): void {
    if (!this.#isOver) this.#post ??= this.#open(Date.now() + LIMIT_MS);
  }

  /**
   * Begins to watch.
   *
   * @returns `ready` when it sees the command's loader, which must be there: whatever becomes of that from now on is ended,
   *   should we not be there any more. `blind` where the container has no means for it, and `absent` where nobody could be
   *   sent.
   */
  async watch(): Promise<'ready' | 'blind' | 'absent'> {
    // Who does not get to answering does not get to the command either.
    const answer = await (await this.#current())?.ask(GUARD.watch);
    if (answer === undefined) return 'absent';
    return answer === GUARD_SAYS.ready ? 'ready' : 'blind';
  }

  /** Passes a signal on; without effect where nobody can. */
  async signal(name: ForwardedSignal | 'SIGPIPE'): Promise<void> {
    const post = await this.#current();
    post?.say(`${GUARD.signal} ${name.replace(/^SIG/, '')}`);
  }

  /**
   * Ends all of the command's processes.
   *
   * @returns whether nothing is left; `undefined` where nobody has said so in time, and nobody is asked again then.
   */
  async kill(): Promise<boolean | undefined> {
    const { totalMs, silenceMs } = this.#limits;
    const until = Date.now() + totalMs;
    while (!this.#isGivenUp && Date.now() < until) {
      const tried = Math.min(Date.now() + silenceMs, until);
      const post = this.#current(until);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const there = await Promise.race([post, sleep(tried - Date.now(), undefined, { ref: false })]);
      // oxlint-disable-next-line no-await-in-loop -- as above
      const answer = await there?.ask(GUARD.kill, Math.max(tried - Date.now(), 0));
      if (answer !== undefined) return answer === GUARD_SAYS.done;
      // Also one that is late.
      void post.then((late) => late?.close());
      if (this.#post === post) this.#post = undefined;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sleep(PAUSE_MS);
    }
    this.#isGivenUp = true;
    return undefined;
  }

  /** Lets go of the command. */
  async end(): Promise<void> {
    this.#isOver = true;
    // One that is not there yet has nothing to let go of.
    this.#over.abort(new Error('over'));
    (await this.#post)?.leave();
  }

  /** @param until when one that has to be sent first is to be there. */
  #current(until = Date.now() + LIMIT_MS): Promise<Post | undefined> {
    const now = (this.#post ?? this.#open(until)).then((post) => (post?.isLost === true ? this.#open(until) : post));
    this.#post = now;
    return now;
  }

  async #open(until: number): Promise<Post | undefined> {
    if (this.#isGivenUp || this.#over.signal.aborted) return undefined;
    const name = randomUUID();
    const path = execPath(this.#access, { words: loaderWords(name, []), stdin: true, tty: false });
    const late = AbortSignal.timeout(Math.max(until - Date.now(), 0));
    try {
      const channel = await this.#access.cluster.open(path, false, AbortSignal.any([late, this.#over.signal]));
      if (!('ended' in channel)) return undefined;
      const script = guardScript(this.#execId, timerSlackFor(this.#execId), this.#prefix);
      return new Post(channel, frame(name, script));
    } catch {
      // Whatever is in the way: nobody is there.
      return undefined;
    }
  }
}

/** One connection to it. */
class Post {
  isLost = false;
  readonly #channel: PodChannel;
  #said = '';
  #waiting: ((answer: string | undefined) => void) | undefined;

  constructor(channel: PodChannel, script: Buffer) {
    this.#channel = channel;
    channel.stdout.on('data', (chunk: Buffer) => this.#hear(chunk));
    channel.stderr.resume();
    channel.stdin.write(script);
    void channel.ended.then(() => {
      this.isLost = true;
      this.#waiting?.(undefined);
    });
  }

  say(line: string): void {
    this.#channel.stdin.write(`${line}\n`);
  }

  /** `undefined` where no answer comes, or not in time. */
  ask(line: string, limitMs?: number): Promise<string | undefined> {
    if (this.isLost) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = limitMs === undefined ? undefined : setTimeout(() => settle(undefined), limitMs);
      const settle = (answer: string | undefined): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer);
      };
      this.#waiting = settle;
      this.say(line);
    });
  }

  leave(): void {
    if (this.isLost) return;
    // It ends by itself then, and the server closes the connection; we need not wait for that.
    this.say(GUARD.quit);
    const timer = setTimeout(() => this.#channel.close(), LEAVE_MS);
    timer.unref();
    void this.#channel.ended.then(() => clearTimeout(timer));
  }

  /** Gives the connection up; without it, the command is ended there. */
  close(): void {
    this.#channel.close();
  }

  #hear(chunk: Buffer): void {
    const lines = (this.#said + chunk.toString('latin1')).slice(-1000).split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) this.#waiting?.(line);
  }
}
