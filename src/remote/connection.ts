import { LxcriError } from '../model/errors.ts';
import { untilAborted } from '../process/until-aborted.ts';
import type { Channel, ChannelEnd } from './channel.ts';
import { FrameReader, frameHeader, unpackList } from './frames.ts';
import type { Frame, Request, StreamFrame } from './frames.ts';

/** How long the other side hears nothing before it ends what it runs for us. */
export const SILENCE_SECONDS = 60;

/** After how long in which nothing is heard a connection counts as lost, in milliseconds. */
export interface Patience {
  /** How often we tell the other side that we are still there; it gives up after {@link SILENCE_SECONDS}. */
  readonly pingMs: number;
  /** While nothing particular is waited for. */
  readonly silenceMs: number;
  /** When the other side was asked for what it does at once. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = { pingMs: 10_000, silenceMs: 60_000, answerMs: 10_000 };

/** What a connection may be given beside its channel; everything is optional. */
export interface ConnectionOptions {
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

/** More than any login prints. */
const MAX_GREETING_BYTES = 256 * 1024;

/** Who we are on the node. */
export interface Login {
  readonly uid: number;
  readonly user: string;
}

/** One command of a connection: hears of its own frames, and of the connection's end. */
export interface Listener {
  frame(frame: Frame): void;
  /** @param reason one line. */
  lost(reason: string): void;
}

/** Thrown when a channel ended, or stayed silent, before our program on the node had said that it runs. */
export class NoAnswerError extends Error {
  /** `undefined`: it took too long. */
  readonly end: ChannelEnd | undefined;
  /** What was said on the channel itself instead. */
  readonly greeting: string;

  constructor(end: ChannelEnd | undefined, greeting: string) {
    super(end === undefined ? 'no answer' : end.said);
    this.end = end;
    this.greeting = greeting;
  }
}

/** What comes before our program's first frame. */
class Greeting {
  readonly #mark: Buffer;
  readonly #seal: Uint8Array | undefined;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(nonce: string, seal: Uint8Array | undefined) {
    this.#mark = Buffer.from(`\n${nonce}\n`);
    this.#seal = seal;
  }

  get text(): string {
    return this.#bytes.toString('utf8');
  }

  get isTooLong(): boolean {
    return this.#bytes.length > MAX_GREETING_BYTES;
  }

  /** Who we are there, once that is known. */
  read(chunk: Buffer): Login | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const at = this.#bytes.indexOf(this.#mark);
    if (at === -1) return undefined;
    const [hello] = new FrameReader(this.#seal).read(this.#bytes.subarray(at + this.#mark.length));
    if (hello === undefined) return undefined;
    const [uid, user = ''] = unpackList(hello.payload);
    return { uid: Number(uid), user };
  }
}

/** A connection to our program on a node; it carries any number of commands at once. */
export class Connection {
  readonly login: Login;
  readonly #channel: Channel;
  readonly #reader: FrameReader;
  readonly #listeners = new Map<number, Listener>();
  readonly #pings: NodeJS.Timeout;
  readonly #patience: Patience;
  #lost: string | undefined;
  #lastId = 0;
  #heardAt = performance.now();
  #pingedAt = performance.now();

  private constructor(channel: Channel, login: Login, patience: Patience) {
    this.login = login;
    this.#channel = channel;
    this.#reader = new FrameReader(channel.seal);
    this.#patience = patience;
    this.#pings = setInterval(() => this.#ping(), patience.pingMs);
    this.#pings.unref();
    channel.output.on('data', (chunk: Buffer) => this.#take(chunk));
    channel.input.on('error', () => {});
    void channel.ended.then(({ said }) => this.#end(said === '' ? 'the connection to the node was closed' : said));
    channel.hold(false);
  }

  /**
   * Waits until our program on the other side answers.
   *
   * @param nonce what it says first; whatever comes before is a login's greeting.
   * @param timeoutMs how long that may take.
   * @throws NoAnswerError, or the signal's reason, and then the channel is closed.
   */
  static async open(
    channel: Channel,
    nonce: string,
    timeoutMs: number,
    { signal, patience = PATIENCE }: ConnectionOptions = {},
  ): Promise<Connection> {
    let timer: NodeJS.Timeout | undefined;
    const greeting = new Greeting(nonce, channel.seal);
    try {
      const answered = new Promise<Login>((resolve, reject) => {
        const fail = (end: ChannelEnd | undefined): void => reject(new NoAnswerError(end, greeting.text));
        timer = setTimeout(() => fail(undefined), timeoutMs);
        void channel.ended.then(fail);
        channel.output.on('data', (chunk: Buffer) => {
          try {
            const answer = greeting.read(chunk);
            if (answer !== undefined) resolve(answer);
            else if (greeting.isTooLong) fail(undefined);
          } catch {
            // Its first answer is none of ours.
            fail(undefined);
          }
        });
      });
      const login = await untilAborted(answered, signal);
      // Nothing more comes before we have asked for something.
      channel.output.removeAllListeners('data');
      return new Connection(channel, login, patience);
    } catch (error) {
      channel.abort();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** See {@link Channel.carrierPid}. */
  get carrierPid(): number | undefined {
    return this.#channel.carrierPid;
  }

  /** Why the connection is of no use any more; `undefined` while it is. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** A number for a new command, whose frames go to this listener. */
  listen(listener: Listener): number {
    this.#lastId += 1;
    if (this.#listeners.size === 0) this.#channel.hold(true);
    this.#listeners.set(this.#lastId, listener);
    if (this.#lost !== undefined) listener.lost(this.#lost);
    return this.#lastId;
  }

  /** Nothing more is wanted for this number. */
  forget(id: number): void {
    if (this.#listeners.delete(id) && this.#listeners.size === 0) this.#channel.hold(false);
  }

  /**
   * Sends a frame.
   *
   * @param done is called once it has left this process, or never will.
   */
  send(type: Request | StreamFrame, id: number, stream: number, payload: Uint8Array = EMPTY, done?: () => void): void {
    if (this.#lost !== undefined) {
      if (done !== undefined) process.nextTick(done);
      return;
    }
    const { input } = this.#channel;
    const header = frameHeader(type, id, stream, payload.length);
    const written = (): void => done?.();
    if (payload.length === 0) {
      input.write(header, written);
      return;
    }
    input.cork();
    input.write(header);
    input.write(payload, written);
    input.uncork();
  }

  /**
   * One question, one answer.
   *
   * @throws LxcriError PlatformUnreachable when the connection is lost, or the signal's reason.
   */
  async ask(type: Request, payload: Uint8Array, signal?: AbortSignal): Promise<Buffer> {
    let id = 0;
    const answer = new Promise<Buffer>((resolve, reject) => {
      id = this.listen({
        frame: (frame) => resolve(Buffer.from(frame.payload)),
        lost: (reason) => reject(new LxcriError('PlatformUnreachable', reason, 'nothing was started; run this again')),
      });
      this.send(type, id, 0, payload);
    });
    try {
      return await untilAborted(answer, signal);
    } finally {
      this.forget(id);
    }
  }

  /** Sees to it that the connection counts as lost soon if the other side, which was just told to act, says nothing. */
  expectAnswer(): void {
    const { answerMs } = this.#patience;
    const askedAt = performance.now();
    this.send('q', 0, 0);
    const judge = (): void => {
      if (this.#lost === undefined && this.#heardAt < askedAt) this.#giveUp(answerMs);
    };
    // If we were stopped ourselves meanwhile, what has come is read first.
    setTimeout(() => setImmediate(judge), answerMs).unref();
  }

  close(): void {
    this.#channel.close();
    this.#end('the connection to the node was closed');
  }

  #take(chunk: Buffer): void {
    this.#heardAt = performance.now();
    try {
      for (const frame of this.#reader.read(chunk)) this.#listeners.get(frame.id)?.frame(frame);
    } catch (error) {
      this.#channel.abort();
      this.#end((error as Error).message);
    }
  }

  #ping(): void {
    const { pingMs, silenceMs } = this.#patience;
    const now = performance.now();
    // We were stopped ourselves, and what has come meanwhile is read next.
    if (now - this.#pingedAt > 2 * pingMs) this.#heardAt = now;
    this.#pingedAt = now;
    if (now - this.#heardAt > silenceMs) this.#giveUp(silenceMs);
    else this.send('q', 0, 0);
  }

  #giveUp(afterMs: number): void {
    this.#channel.abort();
    this.#end(`nothing was heard of the node for ${afterMs / 1000} s`);
  }

  #end(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearInterval(this.#pings);
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.lost(reason);
    this.#channel.hold(false);
  }
}

const EMPTY = new Uint8Array(0);
