import { Writable } from 'node:stream';

/** What a terminal's line discipline reads as end of input (Ctrl-D). */
const END_OF_TRANSMISSION = '\u0004';

/** The key that takes back what is typed of a line (Ctrl-U): a shell ends at the beginning of one only. */
const KILL_LINE = '\u0015';

/** How long until it is said again; twice as long each time, up to the last. */
const AGAIN_MS = 200;
const AGAIN_AT_MOST_MS = 30_000;

/**
 * The input of a command at a terminal. A terminal has no end of input, but a character for it, which is for one who reads:
 * the next one would wait, and a shell that edits its lines does not see the one that came before it (what the kernel has
 * taken for an end is NUL to who switches to single characters later, and busybox's shell makes it a part of its line). Our
 * end stays, so it is said again until the command has ended.
 *
 * @param target leads to the terminal; it is destroyed when that is gone.
 */
export function terminalInput(target: Writable): Writable {
  let timer: NodeJS.Timeout | undefined;
  const sayLater = (afterMs: number): void => {
    timer = setTimeout(() => {
      if (target.destroyed) return;
      if (target.writableLength === 0) target.write(`${KILL_LINE}${END_OF_TRANSMISSION}`);
      sayLater(Math.min(2 * afterMs, AGAIN_AT_MOST_MS));
    }, afterMs);
    timer.unref();
  };
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => void target.write(chunk, () => done()),
    final: (done) => {
      target.write(END_OF_TRANSMISSION, () => done());
      sayLater(AGAIN_MS);
    },
    // It is not over with the end of what is written.
    autoDestroy: false,
    destroy: (error, done) => {
      clearTimeout(timer);
      done(error);
    },
  });
}
