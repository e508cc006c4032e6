import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** How lxc-attach's own messages begin, and what the one looks like that is to be dropped (LXC 5.0.2). */
const BEGINNING = 'lxc-attach: ';
const MESSAGE = /^lxc-attach: \S+: \S+\.c: \w+: \d+ .*Failed to exec ".*$/;

/** Longer than any message of lxc-attach: what has no newline by then is the command's. */
const MAX_BYTES = 16_384;

/**
 * Drops the line that lxc-attach itself writes to standard error when it cannot execute the command; our error says it.
 * It comes first or not at all, but in pieces.
 */
export class AttachMessageFilter extends Transform {
  #held: Buffer | undefined = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#held === undefined) return done(null, chunk);
    this.#held = Buffer.concat([this.#held, chunk]);
    const start = this.#held.toString('latin1', 0, BEGINNING.length);
    const undecided = BEGINNING.startsWith(start) && !this.#held.includes('\n') && this.#held.length < MAX_BYTES;
    done(null, undecided ? undefined : this.#release());
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#held === undefined ? undefined : this.#release());
  }

  #release(): Buffer | undefined {
    const held = this.#held ?? Buffer.alloc(0);
    this.#held = undefined;
    const newline = held.indexOf('\n');
    const line = held.toString('latin1', 0, newline === -1 ? held.length : newline);
    const rest = MESSAGE.test(line) ? held.subarray(newline === -1 ? held.length : newline + 1) : held;
    return rest.length === 0 ? undefined : rest;
  }
}
