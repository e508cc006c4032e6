import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { oneLine } from '../../docker/failures.ts';

/** How the output of a command ended. */
export type OutputEnd =
  | { readonly kind: 'whole' }
  /** It was cut off. */
  | { readonly kind: 'broken'; readonly reason: string };

/** How a command's output comes. */
export interface OutputOptions {
  /** Without a terminal it comes in frames: which stream, three zeros, the length as 32 bits, big-endian (Docker Engine API, "Attach to a container"). */
  readonly framed: boolean;
  /** Whether anybody wants it; what nobody wants is dropped. */
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Whether the end of the connection may be a reset one. */
  readonly mayBeReset: boolean;
  /** Called when output has come for a stream that its reader has closed: the command is to have SIGPIPE. */
  readonly onUnread: () => void;
}

const HEADER_BYTES = 8;
/** Standard input is told apart as well, and shown as output (Docker Engine API, "Attach to a container"). */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** What the engine itself has to say: its stream has failed (moby, pkg/stdcopy: Systemerr). */
const ENGINE_ERROR = 3;
const MAX_ENGINE_ERROR_BYTES = 1024;

/** The output of a command as it comes over one connection, taken apart, with the backpressure of whoever reads it. */
export class CommandOutput {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves when the connection has ended. */
  readonly over: Promise<void>;
  /** Resolves when it has ended and was opened before. */
  readonly ended: Promise<OutputEnd>;
  /** Resolves when something has come, or nothing will. */
  readonly stirred: Promise<void>;
  readonly #source: Duplex;
  readonly #options: OutputOptions;
  readonly #full = new Set<Readable>();
  #first: Buffer[] = [];
  #isOpen = false;
  #isOver = false;
  #reason: string | undefined;
  #hasSettled = false;
  #resolveOver: () => void = () => {};
  #resolveEnd: (end: OutputEnd) => void = () => {};
  /** The header of a frame, as far as it has come, and what is left of the frame. */
  #header: Buffer = Buffer.alloc(0);
  #left = 0;
  #target: Readable | null = null;
  /** What the engine says in place of output, as far as it has come. */
  #engineError: Buffer | undefined;
  /** Since when nothing has come, once that is watched, and until when. */
  #silentSince: number | undefined;
  #silentUntil: number | undefined;

  constructor(source: Duplex, options: OutputOptions) {
    this.#source = source;
    this.#options = options;
    this.stdout = options.stdout ? this.#readable() : null;
    this.stderr = options.stderr && options.framed ? this.#readable() : null;
    this.#target = this.stdout;
    this.over = new Promise((resolve) => (this.#resolveOver = resolve));
    this.ended = new Promise((resolve) => (this.#resolveEnd = resolve));
    this.stirred = new Promise((resolve) => {
      source.once('data', (chunk: Buffer) => {
        source.pause();
        this.#first.push(chunk);
        resolve();
      });
      void this.over.then(() => resolve());
    });
    source.on('error', (error: NodeJS.ErrnoException) => {
      const isUsual = error.code === 'ECONNRESET' && options.mayBeReset;
      this.#finish(isUsual ? undefined : error.message);
    });
    source.on('end', () => this.#finish(undefined));
    source.on('close', () => this.#finish('the connection was closed'));
    source.resume();
  }

  /**
   * Whether a frame has begun whose rest is still to come, and nothing here holds it up. Without its rest, what has come
   * is not the whole output.
   */
  get isWithinFrame(): boolean {
    return this.#isPartial && this.#full.size === 0;
  }

  /** From now on it counts how long nothing comes. */
  watchSilence(): void {
    this.#silentSince ??= Date.now();
  }

  /** How long nothing has come, to its end, although we were ready to read: what still holds it is not the command. */
  get silentMs(): number {
    if (this.#silentSince === undefined || this.#full.size > 0) return 0;
    return (this.#silentUntil ?? Date.now()) - this.#silentSince;
  }

  get #isPartial(): boolean {
    return this.#left > 0 || this.#header.length > 0;
  }

  /** Lets it flow: the command has started, and what comes is its output. */
  open(): void {
    this.#isOpen = true;
    for (const chunk of this.#first.splice(0)) this.#take(chunk);
    this.#source.on('data', (chunk: Buffer) => this.#take(chunk));
    if (this.#isOver) this.#settle();
    else if (this.#full.size === 0) this.#source.resume();
  }

  /** What has come in place of output, once the connection has ended: why the command did not start. */
  async refusal(limit = 65_536): Promise<string> {
    const chunks = this.#first;
    this.#source.on('data', (chunk: Buffer) => {
      if (chunks.reduce((sum, each) => sum + each.length, 0) < limit) chunks.push(chunk);
    });
    this.#source.resume();
    await this.over;
    return this.#textOf(Buffer.concat(chunks)).text;
  }

  /**
   * What has come, where that is little, the connection has ended, and all of it is on standard error (at a terminal there
   * is no other). Nothing is taken away: it can still be opened.
   */
  async onlyErrors(limit = 16_384, withinMs = 1000): Promise<string | undefined> {
    const late = sleep(withinMs, undefined, { ref: false });
    await Promise.race([this.stirred, late]);
    const chunks = this.#first;
    const size = (): number => chunks.reduce((sum, each) => sum + each.length, 0);
    if (chunks.length === 0) return undefined;
    let take: (chunk: Buffer) => void = () => {};
    const full = new Promise<void>((resolve) => {
      take = (chunk) => {
        chunks.push(chunk);
        if (size() > limit) resolve();
      };
    });
    this.#source.on('data', take).resume();
    await Promise.race([this.over, full, late]);
    this.#source.off('data', take).pause();
    if (!this.#isOver || size() > limit) return undefined;
    const { text, kinds } = this.#textOf(Buffer.concat(chunks));
    return [...kinds].every((kind) => kind === STDERR) ? text : undefined;
  }

  /** The text of frames, and of which streams they are. */
  #textOf(bytes: Buffer): { readonly text: string; readonly kinds: ReadonlySet<number> } {
    const kinds = new Set<number>();
    if (!this.#options.framed) return { text: bytes.toString('utf8'), kinds };
    const parts: Buffer[] = [];
    for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
      const length = bytes.readUInt32BE(at + 4);
      kinds.add(bytes.readUInt8(at));
      parts.push(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
      at += HEADER_BYTES + length;
    }
    return { text: Buffer.concat(parts).toString('utf8'), kinds };
  }

  /** Gives up what may still come. */
  close(): void {
    this.#source.destroy();
  }

  #readable(): Readable {
    const stream: Readable = new Readable({
      read: () => this.#flow(stream),
      destroy: (error, done) => {
        // What nobody reads must not hold the other stream.
        this.#flow(stream);
        done(error);
      },
    });
    return stream;
  }

  #flow(stream: Readable): void {
    if (this.#full.delete(stream)) this.#stir();
    if (this.#isOpen && this.#full.size === 0) this.#source.resume();
  }

  #stir(): void {
    if (this.#silentSince !== undefined) this.#silentSince = Date.now();
  }

  /**
   * What stands in one chunk for one stream is given on as one: an engine sends frames of up to 32 KiB, and every piece
   * costs a write and a turn. So the headers between are closed up, in the chunk itself, which is ours.
   */
  #take(chunk: Buffer): void {
    if (this.#hasSettled) return;
    this.#stir();
    if (!this.#options.framed) return this.#give(this.stdout, chunk);
    // Of the current target, and not given yet.
    let [from, to] = [0, 0];
    const give = (): void => {
      if (to > from) this.#give(this.#target, chunk.subarray(from, to));
    };
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        if (this.#engineError !== undefined)
          this.#engineError = Buffer.concat([this.#engineError, chunk.subarray(at, end)]);
        else if (to === from) [from, to] = [at, end];
        else {
          chunk.copyWithin(to, at, end);
          to += end - at;
        }
        at = end;
        if (this.#left === 0 && this.#engineError !== undefined) return this.#fail(this.#engineError.toString());
        continue;
      }
      const end = Math.min(chunk.length, at + HEADER_BYTES - this.#header.length);
      const piece = chunk.subarray(at, end);
      this.#header = this.#header.length === 0 ? piece : Buffer.concat([this.#header, piece]);
      at = end;
      if (this.#header.length < HEADER_BYTES) break;
      const kind = this.#header[0];
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
      const target = kind === STDIN || kind === STDOUT ? this.stdout : kind === STDERR ? this.stderr : undefined;
      if (target !== undefined) {
        if (target !== this.#target) {
          give();
          [from, to] = [at, at];
        }
        this.#target = target;
        continue;
      }
      give();
      [from, to] = [at, at];
      if (kind !== ENGINE_ERROR || this.#left === 0 || this.#left > MAX_ENGINE_ERROR_BYTES)
        return this.#fail(kind === ENGINE_ERROR ? 'an error' : undefined);
      this.#engineError = Buffer.alloc(0);
    }
    give();
  }

  #give(stream: Readable | null, bytes: Buffer): void {
    if (stream === null || bytes.length === 0) return;
    if (stream.destroyed) return this.#options.onUnread();
    if (stream.push(bytes)) return;
    this.#full.add(stream);
    this.#source.pause();
  }

  /** @param said what the engine says of it; `undefined` where it cannot be read. */
  #fail(said: string | undefined): void {
    this.#reason = said === undefined ? 'what the engine sends is no output' : `the engine says: ${oneLine(said)}`;
    this.#isOver = true;
    this.#resolveOver();
    this.#settle();
    this.close();
  }

  #finish(reason: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#silentUntil = Date.now();
    this.#reason = reason;
    this.#resolveOver();
    if (this.#isOpen) this.#settle();
  }

  /** Only what has been taken apart shows whether it was whole. */
  #settle(): void {
    if (this.#hasSettled) return;
    this.#hasSettled = true;
    const reason = this.#reason ?? (this.#isPartial ? 'it ended in the middle of output' : undefined);
    this.#endStreams();
    this.#resolveEnd(reason === undefined ? { kind: 'whole' } : { kind: 'broken', reason });
  }

  #endStreams(): void {
    for (const stream of [this.stdout, this.stderr]) if (stream?.destroyed === false) stream.push(null);
  }
}
