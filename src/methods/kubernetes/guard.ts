import { randomUUID } from 'node:crypto';

import type { PodAccess, PodChannel } from '../../model/pod.ts';
import type { ForwardedSignal } from '../../model/session.ts';
import { timerSlackFor } from '../../process/timer-slack.ts';
import { execPath, frame, loaderWords } from './frame.ts';
import { GUARD, GUARD_SAYS, guardScript } from './scripts.ts';

/** How long its connection, or what it is asked to do, may take. */
const LIMIT_MS = 20_000;

/** How often another one is tried where one was lost: the connection may be gone for a moment only. */
const TRIES = 3;
const PAUSE_MS = 300;

/**
 * Watches over a command from beside it in its container, by an execution of its own: it passes signals on, ends the
 * command's processes, and does so too when the connection to us is lost.
 */
export class Guard {
  readonly #access: PodAccess;
  readonly #execId: string;
  readonly #prefix: readonly string[];
  #post: Promise<Post | undefined> | undefined;
  #isOver = false;

  /** @param prefix as of guardScript. */
  constructor(access: PodAccess, execId: string, prefix: readonly string[]) {
    this.#access = access;
    this.#execId = execId;
    this.#prefix = prefix;
  }

  /** Goes to its post; at once, as far as the caller is concerned. */
  begin(): void {
    if (!this.#isOver) this.#post ??= this.#open();
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

  /** Ends all of the command's processes; resolves to whether nothing is left. */
  async kill(): Promise<boolean> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const answer = await (await this.#current())?.ask(GUARD.kill, LIMIT_MS);
      if (answer !== undefined) return answer === GUARD_SAYS.done;
      this.#post = undefined;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return false;
  }

  /** Lets go of the command. */
  async end(): Promise<void> {
    this.#isOver = true;
    (await this.#post)?.leave();
  }

  #current(): Promise<Post | undefined> {
    this.#post ??= this.#open();
    return this.#post.then((post) => {
      if (post?.isLost !== true) return post;
      this.#post = this.#open();
      return this.#post;
    });
  }

  async #open(): Promise<Post | undefined> {
    const name = randomUUID();
    const path = execPath(this.#access, { words: loaderWords(name, []), stdin: true, tty: false });
    try {
      const channel = await this.#access.cluster.open(path, false, AbortSignal.timeout(LIMIT_MS));
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
  }

  #hear(chunk: Buffer): void {
    const lines = (this.#said + chunk.toString('latin1')).slice(-1000).split('\n');
    this.#said = lines.pop() ?? '';
    for (const line of lines) this.#waiting?.(line);
  }
}
