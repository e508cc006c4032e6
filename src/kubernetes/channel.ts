import { Readable, Writable } from 'node:stream';

import { WebSocket } from 'ws';

import type { ChannelEnd, CommandStatus, PodChannel } from '../model/pod.ts';
import { commandStatus } from './status.ts';

/**
 * The streams of a command over a WebSocket (k8s.io/apimachinery, pkg/util/remotecommand; k8s.io/client-go,
 * tools/remotecommand/websocket.go): the first byte of a message says which stream the rest is of. With v5 a message of
 * the last channel, and the number of another, closes that.
 */
export const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** More than any server sends in one message: a connection that does is given up. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** What is sent in one message, as `kubectl` does: servers have limits. */
const INPUT_BYTES = 32 * 1024;

/** What may wait here, in each direction, for who is to take it. */
const BUFFER_BYTES = 256 * 1024;

/** More than a status ever has; the rest of a longer one is not kept. */
const MAX_STATUS_BYTES = 64 * 1024;

/** How a channel finds out that nobody is there any more. */
export interface Pulse {
  /** How often the server is asked for a sign of life. `kubectl` does every 5 s. */
  readonly intervalMs: number;
  /** How long it may give none. */
  readonly silenceMs: number;
}

const PULSE: Pulse = { intervalMs: 10_000, silenceMs: 60_000 };

/**
 * A server that passes input on to a command that does not read it reads our questions no more. How long it may be silent
 * then, in times of the usual; whether its host is there, TCP finds out.
 */
const STUFFED_FACTOR = 20;
const STUFFED_BYTES = 64 * 1024;

/** How long the end of the connection may follow the status. */
const CLOSE_GRACE_MS = 1000;

/** The WebSocket of a command, right after it was opened. */
export class WebSocketChannel implements PodChannel {
  readonly halfCloses: boolean;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<ChannelEnd>;
  readonly stirred: Promise<void>;
  heardAt = Date.now();
  onUnread: () => void = () => {};
  #stir: () => void = () => {};
  readonly #webSocket: WebSocket;
  readonly #timer: NodeJS.Timeout;
  readonly #full = new Set<Readable>();
  #settle: (end: ChannelEnd) => void = () => {};
  #statusText = '';
  #status: CommandStatus | undefined;
  #grace: NodeJS.Timeout | undefined;
  #reason = 'the server closed the connection without saying how the command ended';
  #lookedAt = Date.now();
  #aliveAt = Date.now();
  #sentSince = 0;
  #inputOver = false;

  constructor(webSocket: WebSocket, pulse: Pulse = PULSE) {
    this.#webSocket = webSocket;
    this.halfCloses = webSocket.protocol === PROTOCOLS[0];
    this.ended = new Promise((resolve) => (this.#settle = resolve));
    this.stirred = new Promise((resolve) => (this.#stir = resolve));
    this.stdout = this.#output();
    this.stderr = this.#output();
    this.stdin = new Writable({
      highWaterMark: 2 * INPUT_BYTES,
      write: (chunk: Buffer, _encoding, done) => this.#sendInput(chunk, done),
      final: (done) => {
        this.endInput();
        done();
      },
    });
    // Whoever uses them is told by `ended`.
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.on('error', () => {});
    webSocket.on('message', (data: Buffer) => this.#receive(data));
    webSocket.on('pong', () => this.#isAlive());
    webSocket.on('error', (error: Error) => (this.#reason = error.message));
    webSocket.on('close', (code: number) => this.#finish(code));
    this.#timer = setInterval(() => this.#look(pulse), pulse.intervalMs);
    this.#timer.unref();
  }

  get isFull(): boolean {
    return this.#full.size > 0;
  }

  resize(columns: number, rows: number): void {
    const [Width, Height] = [columns, rows].map((cells) => Math.min(Math.max(Math.trunc(cells) || 1, 1), 0xff_ff));
    this.#send(Buffer.concat([Buffer.of(CHANNEL.resize), Buffer.from(JSON.stringify({ Width, Height }))]));
  }

  endInput(): void {
    if (!this.halfCloses || this.#inputOver) return;
    this.#inputOver = true;
    this.#send(Buffer.of(CHANNEL.close, CHANNEL.stdin));
  }

  close(why = 'the connection was closed from here'): void {
    this.#end(why);
  }

  #output(): Readable {
    const stream: Readable = new Readable({
      highWaterMark: BUFFER_BYTES,
      read: () => {
        this.#full.delete(stream);
        this.#listen();
      },
      destroy: (error, done) => {
        // What nobody wants must not hold the others up.
        this.#full.delete(stream);
        this.#listen();
        done(error);
      },
    });
    return stream;
  }

  #receive(message: Buffer): void {
    this.#isAlive();
    const data = message.subarray(1);
    switch (message[0]) {
      case CHANNEL.stdout:
        if (data.length > 0) this.#stir();
        return this.#pass(this.stdout, data);
      case CHANNEL.stderr:
        return this.#pass(this.stderr, data);
      case CHANNEL.error:
        return this.#readStatus(data);
      default:
      // What we do not know was not meant for us.
    }
  }

  #pass(stream: Readable, data: Buffer): void {
    this.heardAt = Date.now();
    // A server that has nothing to say yet says so with an empty message.
    if (data.length === 0) return;
    if (stream.destroyed) return this.onUnread();
    if (stream.push(data)) return;
    this.#full.add(stream);
    this.#webSocket.pause();
  }

  #readStatus(data: Buffer): void {
    if (this.#statusText.length < MAX_STATUS_BYTES) this.#statusText += data.toString();
    // It may come in pieces.
    this.#status = commandStatus(this.#statusText) ?? this.#status;
    if (this.#status !== undefined) this.#closeWhenSilent();
  }

  /** A server that keeps the connection open has said all the same what there is to say. */
  #closeWhenSilent(): void {
    this.#grace ??= setTimeout(() => {
      this.#grace = undefined;
      const isBusy = this.#webSocket.isPaused || Date.now() - this.#aliveAt < CLOSE_GRACE_MS;
      if (isBusy) this.#closeWhenSilent();
      else this.#end(this.#reason);
    }, CLOSE_GRACE_MS);
  }

  #listen(): void {
    if (this.#full.size > 0 || !this.#webSocket.isPaused) return;
    this.#isAlive();
    this.#webSocket.resume();
  }

  #sendInput(chunk: Buffer, done: () => void): void {
    // Whoever has more of it at hand would not let us get to the end.
    if (this.#inputOver || this.#webSocket.readyState !== WebSocket.OPEN) {
      this.stdin.destroy();
      return done();
    }
    if (chunk.length === 0) return done();
    for (let at = 0; at < chunk.length; at += INPUT_BYTES) {
      const piece = chunk.subarray(at, at + INPUT_BYTES);
      this.#sentSince += piece.length;
      const isLast = at + INPUT_BYTES >= chunk.length;
      const hasRoom = this.#webSocket.bufferedAmount < BUFFER_BYTES;
      this.#send(Buffer.concat([Buffer.of(CHANNEL.stdin), piece]), isLast && !hasRoom ? done : undefined);
      // The next is read while this one, a copy, is on its way.
      if (isLast && hasRoom) done();
    }
  }

  /** @param done is called once it has left this process, or never will. */
  #send(message: Buffer, done: () => void = () => {}): void {
    this.#webSocket.send(message, { binary: true }, () => done());
  }

  #isAlive(): void {
    this.#aliveAt = Date.now();
    this.#sentSince = 0;
  }

  #look({ intervalMs, silenceMs }: Pulse): void {
    const now = Date.now();
    // We were stopped ourselves, and what has come meanwhile is read next; or we do not listen now.
    if (now - this.#lookedAt > 2 * intervalMs || this.#webSocket.isPaused) this.#aliveAt = now;
    this.#lookedAt = now;
    const patienceMs = this.#sentSince > STUFFED_BYTES ? silenceMs * STUFFED_FACTOR : silenceMs;
    if (now - this.#aliveAt > patienceMs) this.#end(`nothing was heard for ${Math.round(patienceMs / 1000)} s`);
    else if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.ping();
  }

  #end(why: string): void {
    if (this.#webSocket.readyState === WebSocket.CLOSED) return;
    this.#reason = why;
    this.#webSocket.terminate();
  }

  #finish(code: number): void {
    clearInterval(this.#timer);
    clearTimeout(this.#grace);
    this.stdin.destroy();
    for (const stream of [this.stdout, this.stderr]) if (!stream.destroyed) stream.push(null);
    // A message that is too long is answered with this by our side.
    const reason = code === 1009 ? 'the server sent a message that is too long' : this.#reason;
    this.#settle(this.#status === undefined ? { kind: 'lost', reason } : { kind: 'status', status: this.#status });
  }
}
