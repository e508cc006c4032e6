import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';

const RETURN = 0x0d;
const NEWLINE = 0x0a;

/**
 * Takes back what a pseudo-terminal does to output (ONLCR: each "\n" becomes "\r\n"). lxc-attach has a terminal of its own
 * in the container, whose output must not be changed a second time, and it does not switch ours off.
 */
export class NewlineUndo {
  /** A "\r" at the end of the last chunk: whether it belongs to a newline is known with the next byte. */
  #held = false;

  write(chunk: Buffer): Buffer {
    const input = this.#held ? Buffer.concat([Buffer.of(RETURN), chunk]) : chunk;
    this.#held = input.at(-1) === RETURN;
    const end = this.#held ? input.length - 1 : input.length;
    const output = Buffer.allocUnsafe(end);
    let length = 0;
    for (let at = 0; at < end; at++) {
      if (input[at] === RETURN && input[at + 1] === NEWLINE) continue;
      output[length++] = input[at] ?? 0;
    }
    return output.subarray(0, length);
  }

  /** What is left when the output has ended. */
  end(): Buffer {
    return this.#held ? Buffer.of(RETURN) : Buffer.alloc(0);
  }
}

/** The output of a pseudo-terminal as the program behind it wrote it. */
export function withoutExtraReturns(output: Readable | null): Readable | null {
  if (output === null) return null;
  const newlines = new NewlineUndo();
  const undo = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, newlines.write(chunk)),
    flush: (done) => done(null, newlines.end()),
    destroy: (_error, done) => {
      output.destroy();
      done(null);
    },
  });
  return output.pipe(undo);
}
