import { write } from 'node:fs';
import { Writable } from 'node:stream';

/** What is written at once: a message of a socket has a limit (net.core.wmem_default of socket(7), less what it costs). */
const PIECE_BYTES = 65_536;

/** Until a socket is tried again that somebody made non-blocking, and that is full. */
const RETRY_MS = 10;

/** Standard output and error may be the same file: what is written to one after the other has to arrive so. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Writes to a descriptor, whatever it is, and never closes it. A write is done when the kernel has all of it; its error is
 * the kernel's.
 */
export function descriptorOutput(fd: number): Writable & { readonly fd: number } {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const before = last;
      last = new Promise<void>((resolve) => {
        const end = (error: Error | null): void => {
          resolve();
          done(error);
        };
        void before.then(() => writeAll(fd, chunk, end));
      });
    },
  });
  return Object.assign(stream, { fd });
}

function writeAll(fd: number, bytes: Buffer, done: (error: Error | null) => void): void {
  // To a socket that keeps messages apart, an empty one says that it is the end.
  if (bytes.length === 0) return done(null);
  write(fd, bytes, 0, Math.min(bytes.length, PIECE_BYTES), null, (error, count) => {
    if (error?.code === 'EAGAIN') setTimeout(() => writeAll(fd, bytes, done), RETRY_MS);
    else if (error) done(error);
    else writeAll(fd, bytes.subarray(count), done);
  });
}
