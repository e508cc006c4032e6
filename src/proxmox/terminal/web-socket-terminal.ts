import type { TLSSocket } from 'node:tls';
import { Readable, Writable } from 'node:stream';

import { WebSocket } from 'ws';

import type { RawTerminal } from '../../model/raw-terminal.ts';
import { whyOf } from '../api/trust.ts';
import { KEEP_ALIVE, sized, typed } from './messages.ts';

/** How a terminal finds out that nobody is there any more. */
export interface Pulse {
  /** How often the server is asked for a sign of life. */
  readonly intervalMs: number;
  /** How long it may give none. */
  readonly silenceMs: number;
}

export const PULSE: Pulse = { intervalMs: 10_000, silenceMs: 30_000 };

/** How often termproxy is told that we are there; its own client does it as often (main.js of pve-xtermjs). */
const KEEP_ALIVE_MS = 30_000;

/** What may wait here, in each direction, for who is to take it. */
const BUFFER_BYTES = 256 * 1024;

/** More than that comes in packets of which the last only is small. */
const SMALL_BYTES = 1024;

/**
 * Typed since the last sign of life: what a program does not read keeps the server from reading our questions too, so it
 * may be silent for longer.
 */
const STUFFED_BYTES = 64 * 1024;
const STUFFED_FACTOR = 20;

/**
 * A terminal behind a WebSocket whose first word, and the answer to it, have been said. The server ends it without a
 * farewell, and does not tell when it has stopped to listen: so it is asked, with pings, whether it is there.
 */
export class WebSocketTerminal implements RawTerminal {
  readonly input: Writable;
  readonly output: Readable;
  readonly ended: Promise<{ readonly said: string }>;
  readonly #webSocket: WebSocket;
  readonly #socket: TLSSocket;
  readonly #timer: NodeJS.Timeout;
  #said = 'the server closed it';
  #heardAt = Date.now();
  #lookedAt = Date.now();
  #keptAliveAt = Date.now();
  #typedSince = 0;
  /** Whether something was sent in this turn. */
  #answered = false;

  /** @param first what the terminal has shown already. */
  constructor(webSocket: WebSocket, socket: TLSSocket, first: Buffer, pulse: Pulse) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.output = new Readable({ highWaterMark: BUFFER_BYTES, read: () => this.#listen() });
    this.input = new Writable({
      highWaterMark: BUFFER_BYTES,
      write: (chunk: Buffer, _encoding, done) => this.#type([chunk], done),
      writev: (chunks, done) =>
        this.#type(
          chunks.map(({ chunk }) => chunk as Buffer),
          done,
        ),
    });
    this.ended = new Promise((resolve) => this.output.once('close', () => resolve({ said: this.#said })));
    // Whoever uses them is told by `ended`.
    for (const stream of [this.input, this.output]) stream.on('error', () => {});
    if (first.length > 0) this.output.push(first);
    webSocket.on('message', (data: Buffer) => {
      this.#hear();
      if (data.length < SMALL_BYTES) this.#acknowledge();
      if (!this.output.push(data)) webSocket.pause();
    });
    webSocket.on('pong', () => this.#hear());
    webSocket.on('error', (error: NodeJS.ErrnoException) => (this.#said = whyOf(error)));
    webSocket.on('close', () => this.#finish());
    this.#timer = setInterval(() => this.#look(pulse), pulse.intervalMs);
    this.#timer.unref();
  }

  resize(columns: number, rows: number): void {
    this.#send(sized(columns, rows));
  }

  close(): void {
    this.#end('it was closed');
    this.output.destroy();
  }

  hold(held: boolean): void {
    if (held) this.#socket.ref();
    else this.#socket.unref();
  }

  #type(pieces: readonly Buffer[], done: () => void): void {
    for (const { length } of pieces) this.#typedSince += length;
    const messages = [...typed(pieces)];
    for (const message of messages.slice(0, -1)) this.#send(message);
    // In order: when the last one has left, all have.
    this.#send(messages.at(-1) ?? KEEP_ALIVE, done);
  }

  /** @param done is called once it has left this process, or never will. */
  #send(message: Buffer, done: () => void = () => {}): void {
    this.#answered = true;
    this.#webSocket.send(message, { binary: true, compress: false, fin: true }, () => done());
  }

  /**
   * The server keeps back a small packet until the one before was acknowledged (RFC 896), which takes 40 ms where nothing is
   * to be said (RFC 1122, 4.2.3.2): so something is said, which nobody answers (RFC 6455, 5.5.3).
   */
  #acknowledge(): void {
    this.#answered = false;
    setImmediate(() => {
      if (this.#answered || this.#webSocket.readyState !== WebSocket.OPEN) return;
      this.#answered = true;
      this.#webSocket.pong();
    });
  }

  #listen(): void {
    if (!this.#webSocket.isPaused) return;
    // It could not be heard while we did not listen.
    this.#hear();
    this.#webSocket.resume();
  }

  #hear(): void {
    this.#heardAt = Date.now();
    this.#typedSince = 0;
  }

  #look({ intervalMs, silenceMs }: Pulse): void {
    const now = Date.now();
    // We were stopped ourselves, and what has come meanwhile is read next; or we do not listen now.
    if (now - this.#lookedAt > 2 * intervalMs || this.#webSocket.isPaused) this.#heardAt = now;
    this.#lookedAt = now;
    const patienceMs = this.#typedSince > STUFFED_BYTES ? silenceMs * STUFFED_FACTOR : silenceMs;
    if (now - this.#heardAt > patienceMs) {
      this.#end(`nothing was heard for ${Math.round(patienceMs / 1000)} s`);
      return;
    }
    this.#webSocket.ping();
    if (now - this.#keptAliveAt < KEEP_ALIVE_MS) return;
    this.#keptAliveAt = now;
    this.#send(KEEP_ALIVE);
  }

  /** From our side, at once. */
  #end(why: string): void {
    if (this.#webSocket.readyState === WebSocket.CLOSED) return;
    this.#said = why;
    this.#webSocket.terminate();
  }

  /** What has come is still to be read. */
  #finish(): void {
    clearInterval(this.#timer);
    this.input.destroy();
    if (!this.output.destroyed) this.output.push(null);
  }
}
