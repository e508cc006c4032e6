import { Readable, Writable } from 'node:stream';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import type { CallEnd, GrpcCall } from '../../vsock/grpc/call.ts';
import { STATUS } from '../../vsock/grpc/status.ts';
import type { GrpcStatus } from '../../vsock/grpc/status.ts';
import { parseResponse, stdinHead } from '../../vsock/protocol.ts';
import type { Exit, Refusal, Said } from '../../vsock/protocol.ts';
import { NotStartedError } from '../method.ts';
import { olderRefusal, takesNoMore } from './failures.ts';
import type { Peer } from './peer.ts';

/** What was heard of a command first. */
export type First =
  /** It runs, or may. */
  | { readonly kind: 'begun' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The call ended before anything else was heard: nothing was started. */
  | { readonly kind: 'status'; readonly status: GrpcStatus }
  /** The agent has not even looked at it. */
  | { readonly kind: 'never' };

/** In one message, of which an agent takes 4 MiB at least. */
const INPUT_PIECE_BYTES = 256 * 1024;

/** Of input, that waits while the piece before it is sent; as much may be on its way. */
const INPUT_BUFFER_BYTES = 256 * 1024;

/** Of each output stream, that its reader has not taken yet. */
const OUTPUT_BUFFER_BYTES = 1024 * 1024;

/** How long the last word on a command may take, once all its processes were killed. */
const LAST_WORD_MS = 5000;

/** A command that an agent runs. */
export class GuestSession implements Session {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly treeKill: boolean;
  readonly remark?: string;
  readonly leftover?: string;
  /** Resolves as soon as something was heard of the command; never rejects. */
  readonly first: Promise<First>;
  readonly #peer: Peer;
  readonly #request: ExecRequest;
  readonly #call: GrpcCall;
  readonly #full = new Set<Readable>();
  #resolveFirst: (first: First) => void = () => {};
  #resolveExit: (exit: SessionExit) => void = () => {};
  #hasBegun = false;
  #ended = false;
  #isLost = false;
  /** Whether what comes is taken without anybody having room for it: a command that was killed writes no more. */
  #isFlowing = false;
  /** Why we have given it up. */
  #abandoned: string | undefined;
  #left = 0;
  /** Somebody who was not found by its agent has held its output. */
  #isHeld = false;

  /** Begins at once, with this message. */
  constructor(peer: Peer, request: ExecRequest, start: Uint8Array) {
    this.#peer = peer;
    this.#request = request;
    this.treeKill = peer.treeKill;
    if (peer.remark !== undefined) this.remark = peer.remark;
    if (peer.leftover !== undefined) this.leftover = peer.leftover;
    this.first = new Promise((resolve) => (this.#resolveFirst = resolve));
    this.exit = new Promise((resolve) => (this.#resolveExit = resolve));
    const { stdin, stdout, stderr, terminal } = request;
    this.stdout = stdout.kind === 'null' ? null : this.#readable('stdout');
    this.stderr = stderr.kind === 'null' || terminal !== undefined ? null : this.#readable('stderr');
    this.#call = peer.exec((pieces) => this.#take(parseResponse(pieces)));
    this.#call.send(start);
    this.stdin = stdin.kind === 'null' ? null : this.#writable();
    if (stdin.kind === 'null') peer.endInput(this.#call, terminal !== undefined, () => {});
    void this.#call.ended.then((end) => this.#over(end));
  }

  resize(columns: number, rows: number): void {
    if (!this.#ended && this.#request.terminal !== undefined) this.#peer.resize(this.#call, columns, rows);
  }

  signal(signal: ForwardedSignal): void {
    // A terminal that changes its size says so itself.
    if (this.#ended || (signal === 'SIGWINCH' && this.#request.terminal !== undefined)) return;
    this.#peer.signal(this.#call, signal);
  }

  async kill(): Promise<boolean> {
    // An agent of ours has ended what it was asked to end before it says how the command ended.
    if (this.#ended && !this.#isLost) return this.#peer.treeKill && this.#isAllGone;
    this.#isFlowing = true;
    this.#call.resume();
    const isGone = await this.#peer.kill(this.#call);
    const timer = setTimeout(() => this.abandon('the agent does not say how it ended'), LAST_WORD_MS);
    await this.exit;
    clearTimeout(timer);
    return isGone && this.#isAllGone;
  }

  get #isAllGone(): boolean {
    return this.#left === 0 && !this.#isHeld;
  }

  release(): Promise<void> {
    this.#call.cancel();
    return Promise.resolve();
  }

  /** Leaves the command, which an agent of ours then kills; how it ends is not known any more. */
  abandon(reason: string): void {
    if (this.#ended) return;
    this.#abandoned ??= reason;
    this.#call.cancel();
  }

  #take(said: Said): void {
    if (this.#ended || said.kind === 'other') return;
    if (said.kind === 'ended') {
      if (said.error !== undefined && !this.#hasBegun) {
        this.#resolveFirst({ kind: 'refused', refusal: said.error });
        this.#end({ kind: 'not-started', error: startError(new NotStartedError(said.error.message)) });
        return;
      }
      this.#begin();
      this.#left = said.exit?.left ?? 0;
      this.#isHeld = this.leftover !== undefined && said.exit?.outputIncomplete === true;
      this.#end(exitOf(said.exitCode, said.exit));
      return;
    }
    this.#begin();
    if (said.kind === 'started') return;
    const stream = said.kind === 'stdout' ? this.stdout : this.stderr;
    if (stream === null) return;
    let hasRoom = true;
    for (const piece of said.pieces) if (!stream.destroyed && piece.length > 0) hasRoom = stream.push(piece);
    if (stream.destroyed || hasRoom || this.#isFlowing) return;
    this.#full.add(stream);
    this.#call.pause();
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#resolveFirst({ kind: 'begun' });
  }

  /** The call has ended; where the command's end was not heard of before, it never will be. */
  #over(end: CallEnd): void {
    if (this.#ended) return;
    if (!this.#hasBegun && this.#abandoned === undefined && end.kind !== 'broken') {
      const isSure =
        end.kind === 'refused' ||
        end.status.code === STATUS.unimplemented ||
        (this.#peer.treeKill && end.status.code !== STATUS.ok);
      const refusal = end.kind === 'status' ? olderRefusal(end.status.message, this.#request) : undefined;
      if (isSure || refusal !== undefined) {
        this.#resolveFirst(end.kind === 'status' ? { kind: 'status', status: end.status } : { kind: 'never' });
        const error =
          end.kind === 'refused'
            ? takesNoMore('it is being stopped')
            : (refusal ?? new NotStartedError(`the agent refuses it: ${end.status.message}`));
        this.#end({ kind: 'not-started', error: startError(error) });
        return;
      }
    }
    this.#begin();
    this.#isLost = true;
    this.#end({ kind: 'lost', reason: this.#abandoned ?? reasonOf(end) });
  }

  #end(exit: SessionExit): void {
    this.#ended = true;
    for (const stream of [this.stdout, this.stderr]) if (stream?.destroyed === false) stream.push(null);
    this.#resolveExit(exit);
  }

  #readable(name: 'stdout' | 'stderr'): Readable {
    const stream: Readable = new Readable({
      highWaterMark: OUTPUT_BUFFER_BYTES,
      read: () => this.#flow(stream),
      destroy: (error, done) => {
        // What nobody reads must not hold the other stream.
        this.#flow(stream);
        if (!this.#ended) this.#peer.closeOutput(this.#call, name);
        done(error);
      },
    });
    return stream;
  }

  #flow(stream: Readable): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#call.resume();
  }

  #writable(): Writable {
    const { terminal } = this.#request;
    return new Writable({
      highWaterMark: INPUT_BUFFER_BYTES,
      write: (chunk: Buffer, _encoding, done) => this.#send(chunk, done),
      writev: (chunks, done) => {
        for (const [index, { chunk }] of chunks.entries())
          this.#send(chunk as Buffer, index + 1 === chunks.length ? done : undefined);
      },
      final: (done) => this.#peer.endInput(this.#call, terminal !== undefined, done),
    });
  }

  #send(chunk: Buffer, done: () => void = () => {}): void {
    if (chunk.length === 0) return done();
    for (let at = 0; at < chunk.length; at += INPUT_PIECE_BYTES) {
      const end = at + INPUT_PIECE_BYTES;
      const piece = chunk.subarray(at, end);
      this.#call.sendWith(stdinHead(piece.length), piece, end >= chunk.length ? done : () => {});
    }
  }
}

function exitOf(exitCode: number, exit: Exit | undefined): SessionExit {
  const outputIncomplete = exit?.outputIncomplete ?? false;
  if (exit !== undefined && exit.signal > 0) {
    const signal = /^SIG[A-Z0-9+-]{1,16}$/.test(exit.signalName) ? exit.signalName : null;
    return { kind: 'exited', exitCode: 128 + Math.min(exit.signal, 127), signal, outputIncomplete };
  }
  // Older agents say -1 of a command that a signal has ended; what does not fit must not become 0.
  const code = exitCode >= 0 && exitCode <= 255 ? exitCode : 255;
  return { kind: 'exited', exitCode: code, signal: null, outputIncomplete };
}

function reasonOf(end: CallEnd): string {
  if (end.kind === 'broken') return end.reason;
  if (end.kind === 'refused') return 'the agent has dropped it';
  const { code, message } = end.status;
  return code === STATUS.ok ? 'the agent gave no exit code' : `the agent failed: ${message || `gRPC status ${code}`}`;
}

function startError(error: Error): LxcriError {
  if (isLxcriError(error)) return error;
  return new LxcriError('NoMethodAvailable', error.message, 'see what the agent says in the guest');
}
