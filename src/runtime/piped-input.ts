import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';

/** A standard input of the command that comes from a program. */
export interface PipedInput {
  /** Moves it into the command's standard input; returns what stops it. */
  readonly feed: (target: Writable) => () => void;
  /** Gives it up. */
  readonly end: () => void;
}

/**
 * Makes a standard input of a stream. A stream that fails, or is closed before its end, is not the whole input.
 *
 * @param onBroken called at most once, when that is so.
 */
export function pipedInput(source: Readable, onBroken: () => void): PipedInput {
  const state = { over: false };
  const end = (): void => {
    state.over = true;
    source.destroy();
  };
  const broken = (): void => {
    if (state.over) return;
    end();
    onBroken();
  };
  // Listened to from the beginning: nobody reads it before the command has started.
  source.on('error', broken);
  const feed = (target: Writable): (() => void) => {
    // The command may close its input, or end, at any time.
    target.once('close', end);
    move(source, target).catch(broken);
    return end;
  };
  return { feed, end };
}

async function move(source: Readable, target: Writable): Promise<void> {
  for await (const chunk of source) {
    if (target.destroyed) return;
    if (!target.write(chunk)) await hasRoom(target);
  }
  target.end();
}

/** Resolves when a stream takes more, or has closed without ever having room again. */
function hasRoom(target: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      target.off('drain', done);
      target.off('close', done);
      resolve();
    };
    target.on('drain', done);
    target.on('close', done);
  });
}

/** A stream of data that is there already. */
export function streamOf(data: string | Uint8Array): Readable {
  const stream = new PassThrough();
  stream.end(typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return stream;
}
