import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** How lxc-attach's own messages begin (LXC 5.0.2), and what they look like as a whole. */
const BEGINNING = 'lxc-attach: ';
const MESSAGE = /^lxc-attach: \S+: \S+\.c: \w+: \d+ /;

/** Longer than any message of lxc-attach: what has no newline by then is the command's. */
const MAX_BYTES = 16_384;

/**
 * Drops the lines that lxc-attach itself writes to standard error when it cannot start the command; our error says it.
 * They come first or not at all, but in pieces.
 */
export class AttachMessageFilter extends Transform {
  /** What may still become such a line; `undefined` once the command's own output has begun. */
  #held: Buffer | undefined = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#held === undefined) return done(null, chunk);
    let rest = Buffer.concat([this.#held, chunk]);
    for (let newline = rest.indexOf('\n'); newline !== -1 && isMessage(rest); newline = rest.indexOf('\n')) {
      rest = rest.subarray(newline + 1);
    }
    const start = rest.toString('latin1', 0, BEGINNING.length);
    const undecided = BEGINNING.startsWith(start) && !rest.includes('\n') && rest.length < MAX_BYTES;
    this.#held = undecided ? rest : undefined;
    done(null, undecided ? undefined : rest);
  }

  override _flush(done: TransformCallback): void {
    const rest = this.#held;
    done(null, rest === undefined || rest.length === 0 || isMessage(rest) ? undefined : rest);
  }
}

/** Whether the first line is a message of lxc-attach. */
function isMessage(bytes: Buffer): boolean {
  return MESSAGE.test(bytes.toString('latin1', 0, 1024));
}
